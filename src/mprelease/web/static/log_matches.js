// Finds the lines of a log that contain a text, and the positions within a line.
import { plain } from "./ansi.js";

/** Returns a case-insensitive pattern for a text, null for an empty text. */
export function pattern(text) {
  return text ? new RegExp(text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"), "gi") : null;
}

/** Returns the indexes of the lines that match, from an index on. */
export function matching(lines, text, from) {
  const found = [];
  for (let index = from; index < lines.length; index++) {
    if (plain(lines[index].text).search(text) >= 0) found.push(index);
  }
  return found;
}

/** Returns the next (`by` > 0) or previous index from another one, and wraps around at the ends. */
export function neighbour(found, from, by) {
  if (by > 0) return found.find((index) => index > from) ?? found[0];
  return found.findLast((index) => index < from) ?? found.at(-1);
}

/**
 * Returns the matches in a line of several pieces, at most `most`: { from, to }, each of them the
 * index of a piece and an offset in it.
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
