// Where the lines of a log come from: what is stored by answers of the page's server, and what comes
// then by its socket (docs/live.md). A source has one method,
//
//   start({ onLines, onRestart, onOver, onDisconnected })
//
// which tells the whole log in order, without a gap or a double:
//   onLines({ passages, attempt, took, more })  passages: [[attempt, first line, stage, [text, …]], …];
//                                         took: ms by stage, of the release's present attempt
//   onRestart()                            when lines that were shown were never stored: it begins again
//   onOver()                              once, when there will be no more
//   onDisconnected(isDisconnected)         whenever the server was lost or has been found again

import { wire } from "./socket.js";

const PAUSE = 700;
const PAUSE_IN_TROUBLE = 2500;
const NO_SUCH_RELEASE = 4404;
const NOT_ALLOWED = 1008;

export class LogSource {
  #address;
  #release;
  #handlers;
  #position = [0, 0];

  /** Takes the address of the stored lines, and the release's number. */
  constructor(address, release) {
    this.#address = address;
    this.#release = release;
  }

  async start(handlers) {
    this.#handlers = handlers;
    while ((await this.#catchUp()) && (await this.#listen()));
    handlers.onOver();
  }

  /** Asks for what is stored until all of it is there; returns whether more may come. */
  async #catchUp() {
    let coming = this.#ask();
    for (;;) {
      const answer = await coming;
      this.#handlers.onDisconnected(!answer);
      if (answer) this.#move(answer);
      // What follows is on its way while this is drawn.
      if (!answer) coming = after(PAUSE_IN_TROUBLE, () => this.#ask());
      else if (answer.more || answer.cut) coming = this.#ask();
      if (answer && !answer.cut) this.#handlers.onLines(answer);
      if (answer && !answer.more && !answer.cut) return !answer.over;
    }
  }

  /** Hears what comes; returns whether more may come, in which case the stored lines are next. */
  async #listen() {
    const { isOver, isRefused } = await this.#receive();
    // Something between us lets no sockets pass: what is stored can still be asked for.
    if (isRefused) await after(PAUSE);
    return !isOver;
  }

  /** Receives from the socket until the end, or until lines that were shown have turned out not to be. */
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

  /** Returns what the server says, nothing when it cannot be reached. */
  async #ask() {
    const [attempt, line] = this.#position;
    const address = `${this.#address}?attempt=${attempt}&line=${line}`;
    const answer = await fetch(address, { redirect: "manual" }).catch(() => null);
    if (!answer || answer.status >= 500) return null;
    // Logged out, or the release is deleted: what is shown stays, and nothing is added.
    if (!answer.ok) return { passages: [], took: {}, over: true };
    return answer.json().catch(() => null);
  }
}

async function after(milliseconds, action = () => {}) {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  return action();
}
