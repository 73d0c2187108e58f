// The page's socket to its server (docs/live.md), one for all parts of the page. A part is
//
//   { wish(), hear(message), troubled(isTroubled), refused() }
//
// wish() says what it wants to hear, as the protocol has it, whenever the socket has opened;
// hear() gets every message; troubled() whether the server is lost; refused() comes once, when the
// server wants to tell this page no more, or has no socket for it.

const ADDRESS = new URL("/api/v1/live", location).href.replace(/^http/, "ws");
const LONGEST_PAUSE = 20000;
const SILENCE = 45000; // the server says every 15 s that it lives
const REFUSED = [1007, 1008, 4404, 4429]; // unreadable, not allowed, no such release, too many sockets
const FAILURES = 3; // after so many sockets that never said a word something between us is blamed

class Wire {
  #parts = new Set();
  #socket = null;
  #heardAt = 0;
  #failures = 0;
  #hasHeard = false;
  #again = 0;

  constructor() {
    setInterval(() => this.#listenForSilence(), 5000);
    // Back from a tunnel, or from sleep: not later than one looks.
    addEventListener("online", () => this.#hurry());
    addEventListener("visibilitychange", () => document.hidden || this.#hurry());
  }

  add(part) {
    this.#parts.add(part);
    if (this.#isOpen) this.#say(part.wish());
    else if (!this.#socket) this.#connect();
  }

  remove(part) {
    this.#parts.delete(part);
  }

  /** Says something to the server now; what is said to a closed socket is said by wish() later. */
  #say(words) {
    if (this.#isOpen) this.#socket.send(JSON.stringify(words));
  }

  get #isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  #connect() {
    clearTimeout(this.#again);
    this.#heardAt = Date.now();
    const socket = (this.#socket = new WebSocket(ADDRESS));
    socket.addEventListener("open", () => this.#opened());
    socket.addEventListener("message", ({ data }) => {
      this.#heardAt = Date.now();
      this.#hasHeard = true;
      this.#failures = 0;
      const message = JSON.parse(data);
      for (const part of [...this.#parts]) part.hear(message);
    });
    socket.addEventListener("close", ({ code }) => socket === this.#socket && this.#closed(code));
  }

  #opened() {
    for (const part of this.#parts) {
      part.troubled(false);
      this.#say(part.wish());
    }
  }

  #closed(code) {
    this.#socket = null;
    this.#failures++;
    if (REFUSED.includes(code) || (!this.#hasHeard && this.#failures >= FAILURES)) {
      const parts = [...this.#parts];
      this.#parts.clear();
      for (const part of parts) part.refused(code);
    }
    if (!this.#parts.size) return;
    for (const part of this.#parts) part.troubled(true);
    // A server that begins again is not asked by everybody at once.
    const pause = Math.min(LONGEST_PAUSE, 500 * 2 ** this.#failures) * (0.5 + Math.random() / 2);
    this.#again = setTimeout(() => this.#connect(), pause);
  }

  #listenForSilence() {
    if (this.#socket && Date.now() - this.#heardAt > SILENCE) {
      const socket = this.#socket;
      this.#closed(1006);
      socket.close();
    }
  }

  #hurry() {
    this.#listenForSilence();
    if (!this.#socket && this.#parts.size) this.#connect();
  }
}

export const wire = new Wire();
