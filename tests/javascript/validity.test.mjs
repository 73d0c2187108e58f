import assert from "node:assert/strict";
import { test } from "node:test";
import { percentLeft, timeLeft } from "../../src/mprelease/web/static/validity.js";

const DAYS = "{days} d {hours} h";
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

test("a remaining time is counted down to the second, and from a day on in days and hours", () => {
  const shown = [-5, 1, 59_001, 24 * MINUTE + 10_000, HOUR, 3 * HOUR + 4 * MINUTE + 5000, 53 * HOUR];
  assert.deepEqual(
    shown.map((each) => timeLeft(each, DAYS)),
    ["0:00", "0:01", "1:00", "24:10", "1:00:00", "3:04:05", "2 d 5 h"],
  );
});

test("what is left of a code's time is a percentage between 0 and 100", () => {
  assert.deepEqual(
    [-10, 0, 25, 100, 200].map((now) => percentLeft(0, 100, now)),
    [100, 100, 75, 0, 0],
  );
  assert.equal(percentLeft(100, 100, 99), 100);
});
