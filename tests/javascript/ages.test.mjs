import assert from "node:assert/strict";
import { test } from "node:test";

const words = {
  ageDay: "{count} d ago",
  ageHour: "{count} h ago",
  ageMinute: "{count} min ago",
  ageNow: "just now",
};
const times = [];
globalThis.document = {
  getElementById: () => ({ dataset: words }),
  querySelectorAll: () => times,
};
const { showAges } = await import("../../src/mprelease/web/static/ages.js");

test("a relative time counts on in the server's words", () => {
  const made = Date.parse("2026-11-27T10:00:00Z");
  times.push({ dateTime: "2026-11-27T10:00:00+00:00", textContent: "just now" });
  const shown = [0, 59, 60, 3599, 3600, 86_399, 172_800].map((seconds) => {
    showAges(made + 1000 * seconds);
    return times[0].textContent;
  });
  assert.deepEqual(shown, [
    "just now",
    "just now",
    "1 min ago",
    "59 min ago",
    "1 h ago",
    "23 h ago",
    "2 d ago",
  ]);
});
