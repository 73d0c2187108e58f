import assert from "node:assert/strict";
import { test } from "node:test";
import { matching, neighbour, pattern, spans } from "../../src/mprelease/web/static/log_matches.js";
import { rowsOf } from "../../src/mprelease/web/static/log_rows.js";

const lines = (...texts) => texts.map((text) => ({ text }));

test("a text is found in any case, across colours, and literally", () => {
  const log = lines("ERROR (a.b)", "\x1b[31mErr\x1b[0mor (A.B)", "error (axb)", "fine");
  assert.deepEqual(matching(log, pattern("error (a.b)"), 0), [0, 1]);
  assert.deepEqual(matching(log, pattern("error (a.b)"), 1), [1]);
  assert.deepEqual(matching(log, pattern("31m"), 0), [], "codes of colours are no text");
});

test("every character of a search is literal", () => {
  const all = "\\^$.*+?()[]{}|/-";
  assert.deepEqual(matching(lines("a", all, "b"), pattern(all), 0), [1]);
  assert.equal(pattern(""), null);
});

test("the search goes round in both directions", () => {
  const found = [3, 7, 9];
  assert.deepEqual([neighbour(found, 3, 1), neighbour(found, 9, 1), neighbour(found, 4, 1)], [7, 3, 7]);
  assert.deepEqual([neighbour(found, 7, -1), neighbour(found, 3, -1), neighbour(found, 8, -1)], [3, 9, 7]);
});

test("a match that reaches over pieces begins in one and ends in another", () => {
  assert.deepEqual(spans(["an Err", "or", " and error"], pattern("error"), 10), [
    { from: [0, 3], to: [1, 2] },
    { from: [2, 5], to: [2, 10] },
  ]);
  assert.equal(spans(["aaaa"], pattern("a"), 3).length, 3);
});

test("the rows of a wrapped line are counted in columns, of which a Chinese character takes two", () => {
  assert.equal(rowsOf(lines("x".repeat(80), "x".repeat(81), ""), 80), 1 + 2 + 1);
  assert.equal(rowsOf(lines("中".repeat(40), "中".repeat(41)), 80), 1 + 2);
  assert.equal(rowsOf(lines(`\x1b[31m${"x".repeat(80)}\x1b[0m`), 80), 1);
  assert.equal(
    rowsOf(lines("x".repeat(10 ** 6)), 100),
    200,
    "of a very long line only the beginning is shown",
  );
});
