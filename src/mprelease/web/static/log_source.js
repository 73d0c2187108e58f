// The source of a log's lines: first the stored lines by HTTP, then new ones by the live socket
// (docs/live.md). A source has one method,
//
//   start({ onLines, onRestart, onOver, onDisconnected })
//
// which calls the handlers with the whole log in order, without gaps or duplicates:
//   onLines({ passages, attempt, took, more })  passages: [[attempt, first line, stage, [text, …]], …];
//                                         took: ms by stage, of the release's current attempt
//   onRestart()                            if lines that were shown were never stored; then all follow again
//   onOver()                              once, after the last line
//   onDisconnected(isDisconnected)         when the connection is lost or restored

import { wire } from "./socket.js";

const PAUSE = 700;
const PAUSE_AFTER_FAILURE = 2500; // ms
const NO_SUCH_RELEASE = 4404;
const NOT_ALLOWED = 1008;

export class LogSource {
  #address;
  #release;
  #handlers;
  #position = [0, 0];

  /** Takes the URL of the stored lines, and the release's id. */
  constructor(address, release) {
    this.#address = address;
    this.#release = release;
  }

  async start(handlers) {
    this.#handlers = handlers;
    while ((await this.#catchUp()) && (await this.#listen()));
    handlers.onOver();
  }

  /** Fetches stored lines until all have arrived; returns whether more may follow. */
  async #catchUp() {
    let coming = this.#fetch();
    for (;;) {
      const answer = await coming;
      this.#handlers.onDisconnected(!answer);
      if (answer) this.#move(answer);
      // Fetch the next lines while these are drawn.
      if (!answer) coming = after(PAUSE_AFTER_FAILURE, () => this.#fetch());
      else if (answer.more || answer.cut) coming = this.#fetch();
      if (answer && !answer.cut) this.#handlers.onLines(answer);
      if (answer && !answer.more && !answer.cut) return !answer.over;
    }
  }

  /** Receives new lines; returns whether more may follow, which are then fetched as stored lines. */
  async #listen() {
    const { isOver, isRefused } = await this.#receive();
    // A proxy may block WebSockets: poll the stored lines.
    if (isRefused) await after(PAUSE);
    return !isOver;
  }

  /** Receives lines from the socket until the end, a refusal, or a cut (lines that were never stored). */
  #receive() {
    return new Promise((resolve) => {
      const end = (how) => {
        wire.remove(part);
        resolve(how);
      };
      const part = {
        subscription: () => ({ log: this.#release, attempt: this.#position[0], line: this.#position[1] }),
        receive: (message) => {
          if (!message.passages) return;
          this.#move(message);
          if (message.cut) return end({});
          this.#handlers.onLines(message);
          if (message.over) end({ isOver: true });
        },
        disconnected: (isDisconnected) => this.#handlers.onDisconnected(isDisconnected),
        refused: (code) => end({ isRefused: true, isOver: [NOT_ALLOWED, NO_SUCH_RELEASE].includes(code) }),
      };
      wire.add(part);
    });
  }

  #move({ passages, cut }) {
    if (cut) {
      this.#position = [0, 0];
      this.#handlers.onRestart();
    } else if (passages.length) {
      const [attempt, first, , texts] = passages.at(-1);
      this.#position = [attempt, first + texts.length - 1];
    }
  }

  /** Fetches stored lines; null if the server cannot be reached. */
  async #fetch() {
    const [attempt, line] = this.#position;
    const address = `${this.#address}?attempt=${attempt}&line=${line}`;
    const answer = await fetch(address, { redirect: "manual" }).catch(() => null);
    if (!answer || answer.status >= 500) return null;
    // Logged out, or the release was deleted: keep the lines that are shown, and stop.
    if (!answer.ok) return { passages: [], took: {}, over: true };
    return answer.json().catch(() => null);
  }
}

async function after(milliseconds, action = () => {}) {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  return action();
}
