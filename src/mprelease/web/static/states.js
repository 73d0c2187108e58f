// How all releases stand, as the server tells it (docs/live.md), for the parts of the page that
// show it: listeners are called with the releases that have changed.
import { filled } from "./format.js";
import { isFinal } from "./releases.js";
import { wire } from "./socket.js";

const NO_SUCH_RELEASE = 4404;
const NOT_ALLOWED = 1008;

/** Returns words of the page's language, with what is to be filled in. */
export function t(name, parameters = {}) {
  return filled(document.getElementById("words").getAttribute(`data-text-${name}`), parameters);
}

class States {
  known = new Map(); // what this page has heard of, by number
  #listeners = [];
  #lag = 0; // by how much this machine's clock is ahead of the server's, in ms
  #isNew = true;

  constructor() {
    const part = {
      subscription: () => ({ states: true }),
      receive: (message) => message.states && this.#receive(message),
      disconnected: () => {},
      refused: (code) => {
        // The log of this page has gone, not the rest.
        if (code === NO_SUCH_RELEASE) wire.add(part);
        else if (code !== NOT_ALLOWED) this.onRefused();
      },
    };
    wire.add(part);
  }

  /** Calls back with { changed: [{ now, before }], isMissing, whole, spread } after each message. */
  listen(listener) {
    this.#listeners.push(listener);
  }

  /** Is called when there is no socket for this page. */
  onRefused() {}

  /** The server's time. */
  get now() {
    return Date.now() - this.#lag;
  }

  get running() {
    return [...this.known.values()].filter((one) => !isFinal(one)).length;
  }

  #receive({ states, whole, now, spread }) {
    this.#lag = Date.now() - now;
    // After a break others may have begun and ended: only the server's pages know.
    const isMissing = whole && !this.#isNew;
    this.#isNew = false;
    if (whole) this.known.clear();
    const changed = states.map((one) => ({ now: one, before: this.known.get(one.id) }));
    for (const one of states) this.known.set(one.id, one);
    for (const listener of this.#listeners) listener({ changed, isMissing, whole, spread });
  }
}

export const states = new States();
