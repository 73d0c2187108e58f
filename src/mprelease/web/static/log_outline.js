// Which lines of a log belong together: a section for each stage of an attempt, and in it blocks of
// lines, which are drawn and erased as a whole.

export const BLOCK = 200; // lines
const AT_END = 30; // px from the end that still count as the end

export class Outline {
  lines = []; // { attempt, number, text }, in order
  sections = []; // { attempt, stage, isFolded, blocks }
  blocks = []; // { first, count, section, isDrawn }: the place of its first line, and how many it has

  /** Adds lines at the end; returns the sections and blocks that begin, and the blocks that grow. */
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

  /** Returns the lines of a block, from one of them on. */
  linesOf({ first, count }, from = 0) {
    return this.lines.slice(first + from, first + count);
  }

  /** Returns the block that holds a line, given by its place. */
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

  /** Returns the block to which the newest line belongs. */
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

/** Tells whether the end is followed after one has scrolled, by px, to some px before the end. */
export function follows(before, moved, left) {
  if (moved < 0 && left > 1) return false;
  return before || (moved > 0 && left <= AT_END);
}
