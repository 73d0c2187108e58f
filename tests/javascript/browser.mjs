// The few parts of a browser that our modules need: stand-ins without a layout. A test imports this
// module before those that it tests. Pauses are a hundredth of what the code asks for.

const QUICK = 100;

/** The sockets that were opened, the newest last. */
export const sockets = [];

class Socket extends EventTarget {
  static OPEN = 1;
  readyState = 0;
  sent = [];

  constructor(address) {
    super();
    this.address = address;
    sockets.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {}

  /** Does what a server does that accepts. */
  open() {
    this.readyState = Socket.OPEN;
    this.dispatchEvent(new Event("open"));
  }

  receive(message) {
    this.dispatchEvent(Object.assign(new Event("message"), { data: JSON.stringify(message) }));
  }

  end(code) {
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event("close"), { code }));
  }
}

const { setTimeout } = globalThis;
const ticks = [];

Object.assign(globalThis, {
  WebSocket: Socket,
  location: new URL("http://127.0.0.1:8088/releases/7"),
  addEventListener: () => {},
  // What is to happen again and again happens when the test says so.
  setInterval: (action) => ticks.push(action),
  setTimeout: (action, ms) => setTimeout(action, ms / QUICK),
});

/** Does what the page does every few seconds. */
export function tick() {
  for (const action of ticks) action();
}

/** Returns once something is so; fails after ten seconds. */
export async function until(condition) {
  const end = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`it never came to be: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
