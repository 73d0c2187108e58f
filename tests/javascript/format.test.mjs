import assert from "node:assert/strict";
import { test } from "node:test";
import { duration, filled } from "../../src/mprelease/web/static/format.js";

test("durations have a tenth of a second below a minute, and whole seconds above", () => {
  const shown = { 0: "0.0 s", 949: "0.9 s", 59940: "59.9 s", 60000: "1:00 min", 3723400: "62:03 min" };
  for (const [ms, words] of Object.entries(shown)) assert.equal(duration(Number(ms)), words);
});

test("a clock that was set back makes no negative duration, and an unknown time is empty", () => {
  assert.equal(duration(-5000), "0.0 s");
  assert.equal(duration(undefined), "");
});

test("each gap of a text is filled by the parameter of its name", () => {
  assert.equal(filled("{count} of {all}, {count}", { count: 2, all: 5 }), "2 of 5, 2");
  assert.equal(filled("no gap", {}), "no gap");
});
