// Where the lines of a log come from. A source has one method,
//
//   start(position, { onLines, onOver, onTrouble })
//
// which tells everything behind a position [attempt, line], in order, without a gap or a double:
//   onLines({ passages, attempt, took })  passages: [[attempt, first line, stage, [text, …]], …];
//                                         took: ms by stage, of the release's present attempt
//   onOver()                              once, when there will be no more
//   onTrouble(isTroubled)                 whenever the server was lost or has been found again

const PAUSE = 700;
const PAUSE_IN_TROUBLE = 2500;

/** Asks the page's server again and again. */
export class PolledLines {
  #address;

  constructor(address) {
    this.#address = address;
  }

  async start(position, { onLines, onOver, onTrouble }) {
    let coming = this.#ask(position);
    for (;;) {
      const answer = await coming;
      onTrouble(!answer);
      position = end(answer?.passages.at(-1)) ?? position;
      if (!answer?.over) {
        const pause = answer ? PAUSE : PAUSE_IN_TROUBLE;
        // What follows is on its way while this is drawn.
        coming = answer?.more ? this.#ask(position) : after(pause, () => this.#ask(position));
      }
      if (answer) onLines(answer);
      if (answer?.over) return onOver();
    }
  }

  /** Returns what the server says, nothing when it cannot be reached. */
  async #ask([attempt, line]) {
    const address = `${this.#address}?attempt=${attempt}&line=${line}`;
    const answer = await fetch(address, { redirect: "manual" }).catch(() => null);
    if (!answer || answer.status >= 500) return null;
    // Logged out, or the release is deleted: what is shown stays, and nothing is added.
    if (!answer.ok) return { passages: [], took: {}, over: true };
    return answer.json().catch(() => null);
  }
}

function end(passage) {
  if (!passage) return null;
  const [attempt, first, , texts] = passage;
  return [attempt, first + texts.length - 1];
}

async function after(milliseconds, deed) {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  return deed();
}
