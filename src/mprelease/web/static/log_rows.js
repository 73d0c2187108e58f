// Rows of a log: the elements of lines, and estimates of their height before they exist.
import { painted, plain } from "./ansi.js";

const LONGEST = 20_000; // characters of a line; the rest is shown on demand
const WIDE = /[\u1100-\u11ff\u2e80-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60]/g;
const SAMPLE = "m".repeat(40);

/** Returns the element of a line: its number as a link, and its text. */
export function newRow({ attempt, number, text }, t, onDraw) {
  const [row, link, words] = ["div", "a", "span"].map((name) => document.createElement(name));
  row.className = "line";
  link.href = `#L${attempt}-${number}`;
  link.tabIndex = -1; // Otherwise Tab would stop at thousands of links.
  link.textContent = number;
  words.append(painted(text.slice(0, LONGEST)));
  row.append(link, words);
  if (text.length > LONGEST) row.append(rest(text, words, t, onDraw));
  return row;
}

/** Measures an element for rows: its width, the height of a row in px, and the columns that fit. */
export function measured(box, t) {
  const row = newRow({ attempt: 1, number: 1, text: SAMPLE }, t);
  box.append(row);
  const [, words] = row.children;
  const column = words.getBoundingClientRect().width / SAMPLE.length;
  const columns = Math.max(20, Math.floor((box.clientWidth - words.offsetLeft) / column));
  const size = { width: box.clientWidth, row: row.getBoundingClientRect().height, columns };
  row.remove();
  return size;
}

/** Estimates into how many rows lines are wrapped. */
export function rowsOf(lines, columns) {
  return lines.reduce((sum, { text }) => sum + (Math.ceil(breadth(text) / columns) || 1), 0);
}

/** Returns the width of a line in columns; a Chinese character has two. */
function breadth(text) {
  const shown = plain(text.slice(0, LONGEST));
  return shown.length + (shown.match(WIDE)?.length ?? 0);
}

function rest(text, words, t, onDraw) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = t("whole", { count: text.length.toLocaleString() });
  button.addEventListener("click", () => {
    words.replaceChildren(painted(text));
    button.remove();
    onDraw();
  });
  return button;
}
