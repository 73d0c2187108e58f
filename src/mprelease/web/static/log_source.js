// Where the lines of a log come from: what is stored by answers of the page's server, and what comes
// then by its socket (docs/live.md). A source has one method,
//
//   start({ onLines, onAnew, onOver, onTrouble })
//
// which tells the whole log in order, without a gap or a double:
//   onLines({ passages, attempt, took, more })  passages: [[attempt, first line, stage, [text, …]], …];
//                                         took: ms by stage, of the release's present attempt
//   onAnew()                              when lines that were told were never stored: it begins again
//   onOver()                              once, when there will be no more
//   onTrouble(isTroubled)                 whenever the server was lost or has been found again

const PAUSE = 700;
const PAUSE_IN_TROUBLE = 2500;
const REFUSED = [1007, 1008, 4404]; // logged out, or the release is deleted
const FAILURES = 3; // so often a socket that never opened is tried before answers take its place

export class Lines {
  #address;
  #release;
  #told;
  #position = [0, 0];

  /** Takes the address of the stored lines, and the release's number. */
  constructor(address, release) {
    this.#address = address;
    this.#release = release;
  }

  async start(told) {
    this.#told = told;
    while ((await this.#catchUp()) && (await this.#listen()));
    told.onOver();
  }

  /** Asks for what is stored until all of it is there; returns whether more may come. */
  async #catchUp() {
    let coming = this.#ask();
    for (;;) {
      const answer = await coming;
      this.#told.onTrouble(!answer);
      if (answer) this.#move(answer);
      // What follows is on its way while this is drawn.
      if (!answer) coming = after(PAUSE_IN_TROUBLE, () => this.#ask());
      else if (answer.more || answer.cut) coming = this.#ask();
      if (answer && !answer.cut) this.#told.onLines(answer);
      if (answer && !answer.more && !answer.cut) return !answer.over;
    }
  }

  /** Hears what comes; returns whether more may come, in which case the stored lines are next. */
  async #listen() {
    for (let failures = 0; failures < FAILURES; ) {
      const { opened, isOver, code } = await this.#hear();
      if (isOver || REFUSED.includes(code)) return false;
      if (opened) return true;
      failures++;
      await after(PAUSE_IN_TROUBLE * Math.random());
    }
    // Something between us lets no sockets pass.
    await after(PAUSE);
    return true;
  }

  /** Hears one socket to its end. */
  #hear() {
    return new Promise((resolve) => {
      const socket = new WebSocket(new URL("/api/v1/live", location).href.replace(/^http/, "ws"));
      const heard = { opened: false, isOver: false };
      socket.addEventListener("open", () => {
        heard.opened = true;
        const [attempt, line] = this.#position;
        socket.send(JSON.stringify({ log: this.#release, attempt, line }));
      });
      socket.addEventListener("message", ({ data }) => {
        const answer = JSON.parse(data);
        this.#move(answer);
        if (answer.cut) return socket.close();
        this.#told.onLines(answer);
        heard.isOver = answer.over;
        if (answer.over) socket.close();
      });
      socket.addEventListener("close", ({ code }) => resolve({ ...heard, code }));
    });
  }

  #move({ passages, cut }) {
    if (cut) {
      this.#position = [0, 0];
      this.#told.onAnew();
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

async function after(milliseconds, deed = () => {}) {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  return deed();
}
