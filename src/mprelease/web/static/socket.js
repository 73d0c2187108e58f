// The page's live socket (docs/live.md), shared by all parts of the page. A part is
//
//   { subscription(), receive(message), disconnected(isDisconnected), refused() }
//
// subscription() returns the message to send whenever the socket has opened; receive() is called with
// every message; disconnected() when the connection is lost or restored; refused() once, if the server
// refuses the socket or a WebSocket cannot be opened.

const ADDRESS = new URL("/api/v1/live", location).href.replace(/^http/, "ws");
const LONGEST_PAUSE = 20000;
const SILENCE = 45000; // ms; the server sends a message at least every 15 s
const REFUSED = [1007, 1008, 4404, 4429]; // unreadable, not allowed, no such release, too many sockets
const FAILURES = 3; // so many sockets without a message mean that a proxy blocks WebSockets

class Wire {
  #parts = new Set();
  #socket = null;
  #receivedAt = 0;
  #failures = 0;
  #hasReceived = false;
  #again = 0;

  constructor() {
    setInterval(() => this.#closeSilent(), 5000);
    // Reconnect at once when the network is back or the page becomes visible.
    addEventListener("online", () => this.#reconnect());
    addEventListener("visibilitychange", () => document.hidden || this.#reconnect());
  }

  add(part) {
    this.#parts.add(part);
    if (this.#isOpen) this.#send(part.subscription());
    else if (!this.#socket) this.#connect();
  }

  remove(part) {
    this.#parts.delete(part);
  }

  /** Sends a message if the socket is open; else subscription() is sent when it opens. */
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
      this.#hasReceived = true;
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
    if (REFUSED.includes(code) || (!this.#hasReceived && this.#failures >= FAILURES)) {
      const parts = [...this.#parts];
      this.#parts.clear();
      for (const part of parts) part.refused(code);
    }
    // A refused part may have been added again, which opens another socket.
    if (!this.#parts.size || this.#socket) return;
    for (const part of this.#parts) part.disconnected(true);
    // Random delays: after a restart of the server not all clients connect at the same time.
    const pause = Math.min(LONGEST_PAUSE, 500 * 2 ** this.#failures) * (0.5 + Math.random() / 2);
    this.#again = setTimeout(() => this.#connect(), pause);
  }

  #closeSilent() {
    if (this.#socket && Date.now() - this.#receivedAt > SILENCE) {
      const socket = this.#socket;
      this.#closed(1006);
      socket.close();
    }
  }

  #reconnect() {
    this.#closeSilent();
    if (!this.#socket && this.#parts.size) this.#connect();
  }
}

export const wire = new Wire();
