// Which lines of a log hold a text, and where.
import { plain } from "./ansi.js";

/** Returns what finds a text in any case, nothing for no text. */
export function pattern(text) {
  return text ? new RegExp(text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"), "gi") : null;
}

/** Returns the places of the lines that hold a text, from one line on. */
export function matching(lines, text, from) {
  const found = [];
  for (let index = from; index < lines.length; index++) {
    if (plain(lines[index].text).search(text) >= 0) found.push(index);
  }
  return found;
}

/** Returns the next place behind another one, or the previous one; after the last comes the first. */
export function neighbour(found, from, by) {
  if (by > 0) return found.find((index) => index > from) ?? found[0];
  return found.findLast((index) => index < from) ?? found.at(-1);
}

/**
 * Returns where a text stands in a line of several pieces: { from, to }, each of them a piece's place
 * and an offset in it; at most so many.
 */
export function spans(pieces, text, most) {
  const starts = [];
  let length = 0;
  for (const piece of pieces) {
    starts.push(length);
    length += piece.length;
  }
  const made = [];
  for (const { index, 0: found } of pieces.join("").matchAll(text)) {
    if (made.length === most) break;
    const end = index + found.length;
    const from = starts.findLastIndex((start) => start <= index);
    const to = starts.findLastIndex((start) => start < end);
    made.push({ from: [from, index - starts[from]], to: [to, end - starts[to]] });
  }
  return made;
}
