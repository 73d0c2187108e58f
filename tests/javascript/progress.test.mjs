import assert from "node:assert/strict";
import { test } from "node:test";
import { filled } from "../../src/mprelease/web/static/format.js";
import { partsDone, progress, remaining, slowness } from "../../src/mprelease/web/static/progress.js";

const at = (milliseconds) => new Date(milliseconds).toISOString();
const stage = (name, began = null, ended = null) => ({
  name,
  started_at: began === null ? null : at(began),
  ended_at: ended === null ? null : at(ended),
});
const release = (facts) => ({
  state: "running",
  queue: null,
  estimate: { expected_ms: 11_000, stages_ms: { checkout: 1000, install: 2000, build: 8000 } },
  stages: [stage("checkout", 0, 500), stage("install", 500), stage("build")],
  ...facts,
});
const TEXTS = {
  seconds: "{count} s left",
  minutes: "{count} min left",
  almost: "almost done",
  slow: "{factor} times",
  "once-started": "{time} once started",
  "time-seconds": "{count} s",
  "time-minutes": "{count} min",
};
const t = (name, parameters = {}) => filled(TEXTS[name], parameters);

test("what remains is the rest of the running stage and all later ones, as the server has it", () => {
  assert.deepEqual(
    [0, 500, 1500, 2500, 60_000].map((now) => remaining(release(), now)),
    [10_000, 10_000, 9000, 8000, 8000],
  );
  assert.equal(remaining(release({ estimate: null }), 0), null);
});

test("a release is slow from one and a half times its estimate", () => {
  assert.equal(slowness(release(), 16_000), null);
  assert.equal(slowness(release(), 22_000), 2);
  assert.equal(slowness(release({ estimate: null }), 22_000), null);
  assert.equal(slowness(release({ state: "succeeded" }), 22_000), null);
});

test("progress in words", () => {
  assert.equal(progress(release(), 1500, t), "9 s left");
  assert.equal(progress(release(), 22_000, t), "2 times");
  assert.equal(progress(release(), 16_500, t), "1.5 times");
  assert.equal(progress(release({ estimate: null }), 0, t), "");
  const last = [stage("checkout", 0, 500), stage("install", 500, 600), stage("build", 600)];
  assert.equal(progress(release({ stages: last }), 9000, t), "almost done");
  const long = { expected_ms: 180_000, stages_ms: { build: 180_000 } };
  assert.equal(progress(release({ estimate: long, stages: [stage("build")] }), 0, t), "3 min left");
  const queued = { state: "queued", queue: { position: 2 } };
  assert.equal(progress(release(queued), 0, t), "11 s once started");
  assert.equal(progress(release({ ...queued, estimate: null }), 0, t), "");
});

test("a stage that runs longer than usual is never complete", () => {
  assert.deepEqual(partsDone(release(), 1500), { checkout: 1, install: 0.5, build: 0 });
  assert.equal(partsDone(release(), 60_000).install, 0.97);
  assert.deepEqual(partsDone(release({ estimate: null }), 1500), { checkout: 1, install: 0, build: 0 });
});
