// Search in a log: finds matching lines, and highlights the matches in drawn lines.
import { matching, neighbour, pattern, spans } from "./log_matches.js";

const PAUSE = 120; // ms after the last input before a search begins
const MARKS = 500; // most highlights in one line

export class Search {
  found = []; // indexes of the matching lines
  current = -1; // index of the selected line, among all lines
  #view;
  #form;
  #t;
  #text = null;
  #timer = 0;

  /** Takes the view of the log, and a form with a field, an output and two buttons. */
  constructor(view, form, t) {
    this.#view = view;
    this.#form = form;
    this.#t = t;
    const field = form.elements.text;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.#typed()) this.step(1);
    });
    form.elements.previous.addEventListener("click", () => this.#typed() || this.step(-1));
    field.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#typed(), PAUSE);
    });
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !event.shiftKey) return;
      event.preventDefault();
      if (!this.#typed()) this.step(-1);
    });
  }

  /** Clears the result: the log is shown again from its beginning. */
  clear() {
    this.found = [];
    this.current = -1;
  }

  /** Searches new lines, from an index on. */
  extend(from) {
    if (!this.#text) return;
    this.found = this.found.concat(matching(this.#view.lines, this.#text, from));
    this.#tell();
  }

  /** Shows the next or previous matching line, and wraps around at the ends. */
  step(by) {
    if (!this.found.length) return;
    const from = this.current < 0 ? this.#view.first - (by > 0 ? 1 : 0) : this.current;
    this.current = neighbour(this.found, from, by);
    this.#view.reveal(this.current);
    this.#tell();
  }

  /** Highlights the text in all drawn lines. */
  mark() {
    if (!globalThis.Highlight) return; // Old browsers show the line without highlights.
    const marks = { "log-found": new Highlight(), "log-current": new Highlight() };
    for (const [index, row] of this.#text ? this.#view.rows() : []) {
      const mark = marks[index === this.current ? "log-current" : "log-found"];
      for (const range of ranges(row.children[1], this.#text)) mark.add(range);
    }
    for (const [name, mark] of Object.entries(marks)) CSS.highlights.set(name, mark);
  }

  /** Searches for the text of the field; returns whether it has changed. */
  #typed() {
    clearTimeout(this.#timer);
    const text = pattern(this.#form.elements.text.value);
    if (String(text) === String(this.#text)) return false;
    this.#text = text;
    this.found = [];
    this.current = -1;
    this.extend(0);
    if (text) this.step(1);
    this.#tell();
    this.#view.onDraw();
    return true;
  }

  #tell() {
    const number = this.found.indexOf(this.current) + 1;
    const words = this.found.length ? `${number} / ${this.found.length}` : this.#t("nothing");
    this.#form.elements.count.value = this.#text ? words : "";
  }
}

/** Yields ranges of the matches in an element, also across its spans. */
function* ranges(element, text) {
  const nodes = [];
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) nodes.push(walker.currentNode);
  const pieces = nodes.map((node) => node.data);
  for (const { from, to } of spans(pieces, text, MARKS)) {
    yield new StaticRange({
      startContainer: nodes[from[0]],
      startOffset: from[1],
      endContainer: nodes[to[0]],
      endOffset: to[1],
    });
  }
}
