// The states of all releases from the live socket (docs/live.md); listeners are called with changes.
import { filled } from "./format.js";
import { isFinal } from "./releases.js";
import { wire } from "./socket.js";

const NO_SUCH_RELEASE = 4404;
const NOT_ALLOWED = 1008;

/** Returns a translated text of the page, with its parameters filled in. */
export function t(name, parameters = {}) {
  return filled(document.getElementById("words").getAttribute(`data-text-${name}`), parameters);
}

class States {
  known = new Map(); // releases that this page has received, by id
  positions = {}; // places in the queue, by id
  #listeners = [];
  #lag = 0; // ms by which this machine's clock is ahead of the server's
  #isNew = true;

  constructor() {
    const part = {
      subscription: () => ({ states: true }),
      receive: (message) => message.states && this.#receive(message),
      disconnected: () => {},
      refused: (code) => {
        // The release of this page's log does not exist any more; states are still available.
        if (code === NO_SUCH_RELEASE) wire.add(part);
        else if (code !== NOT_ALLOWED) this.onRefused();
      },
    };
    wire.add(part);
  }

  /** Calls `listener` for each message with { changed: [{ now, before }], isMissing, unserved, whole, spread }. */
  listen(listener) {
    this.#listeners.push(listener);
  }

  /** Called if this page cannot have a socket. */
  onRefused() {}

  /** The server's time in ms. */
  get now() {
    return Date.now() - this.#lag;
  }

  get running() {
    return [...this.known.values()].filter((one) => !isFinal(one)).length;
  }

  #receive({ states, whole, now, spread, queue, unserved }) {
    this.#lag = Date.now() - now;
    // After a lost connection, releases may have begun and ended unseen: the page must be fetched.
    const isMissing = whole && !this.#isNew;
    this.#isNew = false;
    if (whole) this.known.clear();
    const changed = states.map((one) => ({ now: one, before: this.known.get(one.id) }));
    for (const one of states) this.known.set(one.id, one);
    this.positions = queue ?? {};
    for (const listener of this.#listeners) listener({ changed, isMissing, unserved, whole, spread });
  }
}

export const states = new States();
