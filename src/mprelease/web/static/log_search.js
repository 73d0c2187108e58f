// Search in a log: which lines hold a text, and marks on those that are drawn.
import { plain } from "./ansi.js";

const PAUSE = 120; // ms without a key before a search begins
const MARKS = 500; // at most so many in one line

export class Search {
  found = []; // the places of the lines that hold the text
  current = -1; // the place of the one that is shown, of all lines
  #view;
  #form;
  #t;
  #text = null;
  #timer = 0;

  /** Takes the drawn log, and a form with a field, an output and two buttons. */
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

  /** Forgets what was found: the lines begin anew. */
  clear() {
    this.found = [];
    this.current = -1;
  }

  /** Looks at the lines that came since, from a place on. */
  extend(from) {
    if (!this.#text) return;
    const { lines } = this.#view;
    for (let index = from; index < lines.length; index++) {
      if (plain(lines[index].text).search(this.#text) >= 0) this.found.push(index);
    }
    this.#tell();
  }

  /** Shows the next line that holds the text, or the previous one; after the last comes the first. */
  step(by) {
    if (!this.found.length) return;
    const from = this.current < 0 ? this.#view.first - (by > 0 ? 1 : 0) : this.current;
    const next = this.found.find((index) => index > from) ?? this.found[0];
    const previous = this.found.findLast((index) => index < from) ?? this.found.at(-1);
    this.current = by > 0 ? next : previous;
    this.#view.reveal(this.current);
    this.#tell();
  }

  /** Marks the text in all lines that are drawn. */
  mark() {
    if (!globalThis.Highlight) return; // An old browser shows which line, and not where in it.
    const marks = { "log-found": new Highlight(), "log-current": new Highlight() };
    for (const [index, row] of this.#text ? this.#view.rows() : []) {
      const mark = marks[index === this.current ? "log-current" : "log-found"];
      for (const range of ranges(row.children[1], this.#text)) mark.add(range);
    }
    for (const [name, mark] of Object.entries(marks)) CSS.highlights.set(name, mark);
  }

  /** Searches for what stands in the field; returns whether that is something new. */
  #typed() {
    clearTimeout(this.#timer);
    const wanted = this.#form.elements.text.value;
    const text = wanted ? new RegExp(wanted.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"), "gi") : null;
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

/** Yields where a text stands in an element, also across its spans. */
function* ranges(element, text) {
  const pieces = [];
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let start = 0;
  while (walker.nextNode()) {
    pieces.push({ node: walker.currentNode, start });
    start += walker.currentNode.length;
  }
  let count = 0;
  for (const { index, 0: found } of element.textContent.matchAll(text)) {
    if (++count > MARKS) return;
    const from = pieces.findLast((piece) => piece.start <= index);
    const to = pieces.findLast((piece) => piece.start < index + found.length);
    yield new StaticRange({
      startContainer: from.node,
      startOffset: index - from.start,
      endContainer: to.node,
      endOffset: index + found.length - to.start,
    });
  }
}
