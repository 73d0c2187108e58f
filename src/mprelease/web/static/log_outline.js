// The structure of a log: a section for each stage of an attempt, divided into blocks of lines, which
// are drawn and removed as a whole.

export const BLOCK = 200; // lines
const AT_END = 30; // px; a scroll position this close to the end counts as the end

export class Outline {
  lines = []; // { attempt, number, text }, in order
  sections = []; // { attempt, stage, isFolded, blocks }
  blocks = []; // { first, count, section, isDrawn }: index of the first line, number of lines

  /** Appends lines; returns new sections, new blocks, and all blocks that got lines. */
  add(passages) {
    const begun = { sections: [], blocks: [], grown: new Set() };
    for (const [attempt, first, stage, texts] of passages) {
      const section = this.#section(attempt, stage, begun);
      texts.forEach((text, place) => {
        this.lines.push({ attempt, number: first + place, text });
        begun.grown.add(this.#extended(section, begun));
      });
    }
    return begun;
  }

  clear() {
    this.lines = [];
    this.sections = [];
    this.blocks = [];
  }

  /** Returns the lines of a block, from an index within the block on. */
  linesOf({ first, count }, from = 0) {
    return this.lines.slice(first + from, first + count);
  }

  /** Returns the block of the line with this index. */
  blockOf(index) {
    return this.blocks.findLast((block) => block.first <= index);
  }

  #section(attempt, stage, begun) {
    const last = this.sections.at(-1);
    if (last?.attempt === attempt && last.stage === stage) return last;
    const section = { attempt, stage, isFolded: false, blocks: [] };
    this.sections.push(section);
    begun.sections.push(section);
    return section;
  }

  /** Adds the newest line to the last block of a section, or to a new one; returns the block. */
  #extended(section, begun) {
    let block = section.blocks.at(-1);
    if (!block || block.count === BLOCK) {
      block = { first: this.lines.length - 1, count: 0, section, isDrawn: false };
      section.blocks.push(block);
      this.blocks.push(block);
      begun.blocks.push(block);
    }
    block.count++;
    return block;
  }
}

/** Returns whether to follow the end after scrolling by `moved` px, with `left` px below. */
export function follows(before, moved, left) {
  if (moved < 0 && left > 1) return false;
  return before || (moved > 0 && left <= AT_END);
}
