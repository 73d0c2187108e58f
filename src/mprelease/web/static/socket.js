// The page's socket to its server (docs/live.md), one for all parts of the page. A part is
//
//   { subscription(), receive(message), disconnected(isDisconnected), refused() }
//
// subscription() returns the message that asks for what it wants, whenever the socket has opened;
// receive() gets every message; disconnected() whether the server is lost; refused() comes once, when the
// server wants to tell this page no more, or has no socket for it.

const ADDRESS = new URL("/api/v1/live", location).href.replace(/^http/, "ws");
const LONGEST_PAUSE = 20000;
const SILENCE = 45000; // the server says every 15 s that it lives
const REFUSED = [1007, 1008, 4404, 4429]; // unreadable, not allowed, no such release, too many sockets
const FAILURES = 3; // after so many sockets that never said a word something between us is blamed

class Wire {
  #parts = new Set();
  #socket = null;
  #receivedAt = 0;
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
    if (this.#isOpen) this.#send(part.subscription());
    else if (!this.#socket) this.#connect();
  }

  remove(part) {
    this.#parts.delete(part);
  }

  /** Sends a message now; into a closed socket nothing, because subscription() is sent when it opens. */
  #send(message) {
    if (this.#isOpen) this.#socket.send(JSON.stringify(message));
  }

  get #isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  #connect() {
    clearTimeout(this.#again);
    this.#receivedAt = Date.now();
    const socket = (this.#socket = new WebSocket(ADDRESS));
    socket.addEventListener("open", () => this.#opened());
    socket.addEventListener("message", ({ data }) => {
      this.#receivedAt = Date.now();
      this.#hasHeard = true;
      this.#failures = 0;
      const message = JSON.parse(data);
      for (const part of [...this.#parts]) part.receive(message);
    });
    socket.addEventListener("close", ({ code }) => socket === this.#socket && this.#closed(code));
  }

  #opened() {
    for (const part of this.#parts) {
      part.disconnected(false);
      this.#send(part.subscription());
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
    // Whoever was refused may have come back, and opened another socket.
    if (!this.#parts.size || this.#socket) return;
    for (const part of this.#parts) part.disconnected(true);
    // A server that begins again is not asked by everybody at once.
    const pause = Math.min(LONGEST_PAUSE, 500 * 2 ** this.#failures) * (0.5 + Math.random() / 2);
    this.#again = setTimeout(() => this.#connect(), pause);
  }

  #listenForSilence() {
    if (this.#socket && Date.now() - this.#receivedAt > SILENCE) {
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
