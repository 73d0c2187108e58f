// The log of a release: connects the source of lines, the view (log_view.js), the search, the
// switches and the URL's `#L<attempt>-<line>`.
import { filled } from "./format.js";
import { LogLines } from "./log_view.js";
import { Search } from "./log_search.js";
import { LogSource } from "./log_source.js";

const WRAP = "log-wrap";

class LogView {
  #root;
  #view;
  #search;
  #linked = -1;
  #known = 0; // number of lines when following was stopped
  #isComplete = false; // all lines that were stored when the page was opened have arrived

  constructor(root) {
    this.#root = root;
    const t = (name, parameters) => this.#t(name, parameters);
    this.#view = new LogLines(root.querySelector(".log"), t);
    this.#search = new Search(this.#view, root.querySelector("form"), t);
    this.#view.onDraw = () => this.#mark();
    this.#view.onFollow = () => this.#followed();
    this.#view.follow("fromEnd" in root.dataset && !wanted());
    for (const part of root.querySelectorAll("[data-controls]")) part.hidden = false;
    this.#wire();
  }

  /** Shows the lines of a source. */
  show(source) {
    source.start({
      onLines: (update) => this.#add(update),
      onRestart: () => this.#clear(),
      onOver: () => this.#end(),
      onDisconnected: (isDisconnected) => (this.#part("disconnected").hidden = !isDisconnected),
    });
  }

  #add({ passages, attempt, took, more }) {
    const known = this.#view.lines.length;
    this.#view.add(passages);
    this.#view.time(attempt, took);
    this.#search.extend(known);
    if (!this.#isComplete) this.#known = this.#view.lines.length;
    this.#isComplete ||= !more;
    this.#root.toggleAttribute("data-complete", this.#isComplete);
    if (this.#isComplete && this.#linked < 0 && wanted()) this.#goToWanted();
    this.#showNewCount();
  }

  #clear() {
    this.#view.clear();
    this.#search.clear();
    this.#linked = -1;
    this.#known = 0;
    this.#isComplete = false;
  }

  #end() {
    this.#part("follow").closest("label").hidden = true;
    this.#part("empty").hidden = this.#view.lines.length > 0;
  }

  #wire() {
    const [wrap, follow, fresh] = ["wrap", "follow", "new"].map((name) => this.#part(name));
    wrap.checked = localStorage.getItem(WRAP) !== "no";
    this.#view.wrap(wrap.checked);
    wrap.addEventListener("change", () => {
      localStorage.setItem(WRAP, wrap.checked ? "yes" : "no");
      this.#view.wrap(wrap.checked);
    });
    follow.addEventListener("change", () => this.#view.follow(follow.checked));
    fresh.addEventListener("click", () => this.#view.follow(true));
    addEventListener("hashchange", () => this.#goToWanted());
    this.#followed();
  }

  #followed() {
    this.#part("follow").checked = this.#view.follows;
    this.#known = this.#view.lines.length;
    this.#showNewCount();
  }

  /** Shows the number of new lines since following was stopped. */
  #showNewCount() {
    const count = this.#view.follows ? 0 : this.#view.lines.length - this.#known;
    const button = this.#part("new");
    button.hidden = !count;
    button.textContent = this.#t("new", { count });
  }

  /** Scrolls to the line of the URL, if it has arrived. */
  #goToWanted() {
    const [attempt, number] = wanted() ?? [];
    const isIt = (line) => line.attempt === attempt && line.number === number;
    this.#linked = attempt ? this.#view.lines.findIndex(isIt) : -1;
    if (this.#linked >= 0) this.#view.reveal(this.#linked);
    this.#mark();
  }

  #mark() {
    for (const row of this.#root.querySelectorAll(".current, .linked")) {
      row.classList.remove("current", "linked");
      row.firstChild.tabIndex = -1;
    }
    this.#point(this.#linked, "linked");
    this.#point(this.#search.current, "current");
    this.#search.mark();
  }

  /** Marks a line, and makes its link focusable. */
  #point(index, name) {
    const row = this.#view.row(index);
    row?.classList.add(name);
    if (row) row.firstChild.tabIndex = 0;
  }

  #part(name) {
    return this.#root.querySelector(`[data-part="${name}"]`);
  }

  #t(name, parameters = {}) {
    return filled(this.#root.getAttribute(`data-text-${name}`), parameters);
  }
}

/** Returns the attempt and the line of the URL; undefined without them. */
function wanted() {
  const named = /^#L(\d+)-(\d+)$/.exec(location.hash);
  return named?.slice(1).map(Number);
}

for (const root of document.querySelectorAll("[data-lines]")) {
  new LogView(root).show(new LogSource(root.dataset.lines, Number(root.dataset.release)));
}
