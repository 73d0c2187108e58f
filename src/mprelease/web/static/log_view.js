// A virtual list of a log's lines: a foldable section for each stage, divided into blocks of lines.
// Only blocks near the viewport have content; others keep their last measured or estimated height.
// When blocks are drawn or removed, the line at the upper edge keeps its position, unless the end is
// followed.
import { duration } from "./format.js";
import { follows, Outline } from "./log_outline.js";
import { measured, newRow, rowsOf } from "./log_rows.js";

const AROUND = 1500; // px above and below the viewport that are drawn as well

export class LogLines {
  follows = false;
  onFollow = () => {}; // called when following begins or stops
  onDraw = () => {}; // called when rows were added or removed
  #box;
  #t;
  #outline = new Outline(); // here its sections and blocks also have their elements
  #drawn = new Set();
  #observer;
  #top = 0;
  #seen = null;
  #size = { width: 0, row: 19, columns: 80 };

  /** Takes the scrolling element, and the function that translates a text with parameters. */
  constructor(box, t) {
    this.#box = box;
    this.#t = t;
    const around = { root: box, rootMargin: `${AROUND}px 0px` };
    this.#observer = new IntersectionObserver((entries) => this.#look(entries), around);
    new ResizeObserver(() => this.#resized()).observe(box);
    box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    // The wheel event shows the direction before the scroll event does.
    box.addEventListener("wheel", ({ deltaY }) => deltaY < 0 && this.#top && this.follow(false), {
      passive: true,
    });
    box.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** The lines, in order: { attempt, number, text }. */
  get lines() {
    return this.#outline.lines;
  }

  /** Appends lines. */
  add(passages) {
    if (!passages.length) return;
    const { sections, blocks, grown } = this.#outline.add(passages);
    for (const section of sections) this.#beginSection(section);
    for (const block of blocks) this.#beginBlock(block);
    for (const block of grown) this.#grow(block);
    if (this.follows) this.toEnd();
    this.onDraw();
  }

  /** Removes all lines. */
  clear() {
    this.#observer.disconnect();
    this.#box.replaceChildren();
    this.#drawn.clear();
    this.#outline.clear();
  }

  /** Shows the durations (ms) of an attempt's stages. */
  time(attempt, took) {
    for (const section of this.#outline.sections.filter((each) => each.attempt === attempt)) {
      section.time.textContent = duration(took[section.stage]);
    }
  }

  follow(wanted) {
    if (this.follows === wanted) return;
    this.follows = wanted;
    if (wanted) this.toEnd();
    this.onFollow();
  }

  toEnd() {
    const last = this.#outline.blocks.at(-1);
    if (last && !last.section.isFolded) this.#draw(last);
    this.#scrollTo(this.#box.scrollHeight);
  }

  /** Scrolls to the line with this index, and stops following. */
  reveal(index) {
    this.follow(false);
    const block = this.#outline.blockOf(index);
    this.#fold(block.section, false);
    this.#draw(block);
    const row = this.row(index).getBoundingClientRect();
    const seen = this.#box.getBoundingClientRect();
    const head = block.section.head.offsetHeight;
    if (row.top < seen.top + head || row.bottom > seen.bottom) {
      this.#scrollTo(this.#box.scrollTop + row.top - seen.top - this.#box.clientHeight / 3);
    }
    const { top, bottom } = this.row(index).getBoundingClientRect();
    if (top < 0 || bottom > innerHeight) this.#box.scrollIntoView({ block: "nearest" });
    this.onDraw();
  }

  /** Returns the element of the line with this index; null if it is not drawn. */
  row(index) {
    const block = this.#outline.blockOf(index);
    return block?.isDrawn ? block.element.children[index - block.first] : null;
  }

  /** Yields index and element of each drawn line. */
  *rows() {
    for (const { first, element } of this.#drawn) {
      for (const [place, row] of [...element.children].entries()) yield [first + place, row];
    }
  }

  /** Returns the index of the line at the upper edge. */
  get first() {
    return this.#place()?.index ?? 0;
  }

  wrap(wanted) {
    this.#keepPlace(this.#place(), () => {
      this.#box.classList.toggle("wraps", wanted);
      this.#measure();
    });
  }

  // Sections and blocks

  #beginSection(section) {
    const { attempt, stage } = section;
    const [element, head, fold, time, body] = ["section", "h3", "button", "small", "div"].map((name) =>
      document.createElement(name),
    );
    Object.assign(section, { element, head, fold, time, body });
    const name = this.#t(stage);
    fold.type = "button";
    fold.append(attempt > 1 ? `${this.#t("attempt", { number: attempt })} · ${name}` : name, time);
    fold.setAttribute("aria-expanded", "true");
    fold.addEventListener("click", () => this.#fold(section, !section.isFolded));
    body.className = "log-lines";
    head.append(fold);
    element.append(head, body);
    this.#box.append(element);
  }

  #fold(section, isFolded) {
    if (section.isFolded === isFolded) return;
    section.blocks.forEach((block) => this.#erase(block));
    section.isFolded = section.body.hidden = isFolded;
    section.fold.setAttribute("aria-expanded", String(!isFolded));
    // While its lines are scrolled below it, the head is sticky: keep its position.
    const top = section.element.offsetTop;
    if (isFolded && top < this.#box.scrollTop) this.#scrollTo(top);
    this.onDraw();
  }

  #beginBlock(block) {
    const element = document.createElement("div");
    element.className = "log-block";
    block.section.body.append(element);
    block.element = element;
    element.block = block;
    this.#observer.observe(element);
  }

  #grow(block) {
    if (!this.#size.width) this.#measure();
    if (block.isDrawn) block.element.append(...this.#newRows(block, block.element.children.length));
    else this.#estimate(block);
  }

  // Drawing

  #look(entries) {
    const near = new Map(entries.map(({ target, isIntersecting }) => [target.block, isIntersecting]));
    const [coming, going] = [true, false].map((wanted) =>
      [...near.keys()].filter((block) => near.get(block) === wanted && block.isDrawn !== wanted),
    );
    if (!coming.length && !going.length) return;
    this.#keepPlace(this.#place(coming), () => {
      going.forEach((block) => this.#erase(block));
      coming.forEach((block) => this.#draw(block));
    });
    this.onDraw();
  }

  #draw(block) {
    if (block.isDrawn) return;
    block.isDrawn = true;
    this.#drawn.add(block);
    block.element.append(...this.#newRows(block, 0));
    block.element.style.height = "";
  }

  #erase(block) {
    if (!block.isDrawn) return;
    block.isDrawn = false;
    this.#drawn.delete(block);
    block.element.style.height = `${block.element.getBoundingClientRect().height}px`;
    block.element.replaceChildren();
  }

  #newRows(block, from) {
    return this.#outline.linesOf(block, from).map((line) => newRow(line, this.#t, this.onDraw));
  }

  /** Measures a row, and estimates the heights of all blocks that are not drawn again. */
  #measure() {
    this.#size = measured(this.#box, this.#t);
    for (const block of this.#outline.blocks) if (!block.isDrawn) this.#estimate(block);
  }

  #estimate(block) {
    const isWrapped = this.#box.classList.contains("wraps");
    const rows = isWrapped ? rowsOf(this.#outline.linesOf(block), this.#size.columns) : block.count;
    block.element.style.height = `${rows * this.#size.row}px`;
  }

  // Scroll position

  #scrolled() {
    const moved = this.#box.scrollTop - this.#top;
    this.#top = this.#box.scrollTop;
    const left = this.#box.scrollHeight - this.#box.clientHeight - this.#top;
    this.follow(follows(this.follows, moved, left));
    this.#seen = this.#place();
  }

  /** Jumps to an end with Home or End; the browser would scroll smoothly past all blocks between. */
  #pressed(event) {
    if (event.key !== "Home" && event.key !== "End") return;
    event.preventDefault();
    this.follow(event.key === "End");
    if (event.key === "End") this.toEnd();
    else this.#scrollTo(0);
  }

  #resized() {
    const isOther = this.lines.length && this.#box.clientWidth !== this.#size.width;
    if (isOther || this.follows) this.#keepPlace(this.#seen, () => isOther && this.#measure());
  }

  #scrollTo(top) {
    this.#box.scrollTop = top;
    this.#top = this.#box.scrollTop;
    this.#seen = this.#place();
  }

  #keepPlace(place, change) {
    change();
    if (this.follows) this.toEnd();
    const row = !this.follows && place && this.row(place.index);
    if (!row) return;
    const { top, height } = row.getBoundingClientRect();
    // If the line is less high than before, scroll to its beginning.
    const moved = top - this.#edge - (place.below < -height ? 0 : place.below);
    if (Math.abs(moved) >= 1) this.#scrollTo(this.#box.scrollTop + moved);
  }

  /** Returns the first drawn line at the upper edge, and its distance from it in px. */
  #place(coming = []) {
    const edge = this.#edge;
    const blocks = [...this.#drawn, ...coming].sort((one, other) => one.first - other.first);
    const seen = blocks.filter(({ element }) => {
      const { top, bottom, height } = element.getBoundingClientRect();
      return height && bottom > edge && top < edge + this.#box.clientHeight;
    });
    const block = seen.find(({ isDrawn }) => isDrawn) ?? seen[0];
    if (!block) return null;
    const { top, height } = block.element.getBoundingClientRect();
    if (!block.isDrawn) {
      const part = Math.max(0, (edge - top) / height);
      return { index: block.first + Math.floor(part * block.count), below: Math.max(0, top - edge) };
    }
    const rows = [...block.element.children];
    const row = rows.find((each) => each.getBoundingClientRect().bottom > edge) ?? rows.at(-1);
    const below = row.getBoundingClientRect().top - edge;
    return { index: block.first + rows.indexOf(row), below };
  }

  get #edge() {
    return this.#box.getBoundingClientRect().top;
  }
}
