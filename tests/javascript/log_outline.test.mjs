import assert from "node:assert/strict";
import { test } from "node:test";
import { BLOCK, follows, Outline } from "../../src/mprelease/web/static/log_outline.js";

const texts = (count) => Array.from({ length: count }, (_, place) => `line ${place + 1}`);

test("each stage of an attempt is a section, also when it comes in several passages", () => {
  const outline = new Outline();
  outline.add([
    [1, 1, "checkout", ["a"]],
    [1, 2, "build", ["b"]],
  ]);
  const { sections } = outline.add([
    [1, 3, "build", ["c"]],
    [2, 1, "build", ["d"]],
  ]);
  assert.deepEqual(
    outline.sections.map(({ attempt, stage }) => [attempt, stage]),
    [
      [1, "checkout"],
      [1, "build"],
      [2, "build"],
    ],
  );
  assert.equal(sections.length, 1, "only what begins is told");
  assert.deepEqual(outline.lines.at(-2), { attempt: 1, number: 3, text: "c" });
  assert.deepEqual(outline.lines.at(-1), { attempt: 2, number: 1, text: "d" });
});

test("blocks are full before others begin, and never reach over two sections", () => {
  const outline = new Outline();
  outline.add([[1, 1, "install", texts(BLOCK + 1)]]);
  outline.add([[1, BLOCK + 2, "build", texts(2)]]);
  assert.deepEqual(
    outline.blocks.map(({ first, count, section }) => [first, count, section.stage]),
    [
      [0, BLOCK, "install"],
      [BLOCK, 1, "install"],
      [BLOCK + 1, 2, "build"],
    ],
  );
  const { blocks, grown } = outline.add([[1, BLOCK + 4, "build", texts(1)]]);
  assert.equal(blocks.length, 0);
  assert.deepEqual([...grown], [outline.blocks[2]]);
});

test("a line is found in its block, and a block gives its lines", () => {
  const outline = new Outline();
  outline.add([[1, 1, "build", texts(3 * BLOCK)]]);
  for (const index of [0, BLOCK - 1, BLOCK, 3 * BLOCK - 1]) {
    const block = outline.blockOf(index);
    assert.equal(outline.linesOf(block)[index - block.first].number, index + 1);
  }
  assert.equal(outline.linesOf(outline.blocks[1], BLOCK - 2).length, 2);
  assert.equal(outline.blockOf(-1), undefined);
});

test("a section that is folded stays so while it grows, and a cleared log begins anew", () => {
  const outline = new Outline();
  outline.add([[1, 1, "build", texts(2)]]);
  outline.sections[0].isFolded = true;
  outline.add([[1, 3, "build", texts(2)]]);
  assert.equal(outline.sections[0].isFolded, true);
  outline.clear();
  outline.add([[1, 1, "build", texts(1)]]);
  assert.deepEqual(
    [outline.lines.length, outline.blocks.length, outline.sections[0].isFolded],
    [1, 1, false],
  );
});

test("scrolling up ends the following, and reaching the end begins it", () => {
  assert.equal(follows(true, -40, 40), false);
  assert.equal(follows(true, -1, 0), true, "a rounded position at the end is no wish");
  assert.equal(follows(false, 500, 30), true);
  assert.equal(follows(false, 500, 31), false);
  assert.equal(follows(true, 500, 200), true, "the lines came faster than the scrolling");
});
