import assert from "node:assert/strict";
import { test } from "node:test";
import { isWorthFetching, notable, shownStages } from "../../src/mprelease/web/static/releases.js";

const release = (facts) => ({
  id: 7,
  app: "shop",
  requested_by: "lin",
  state: "running",
  commit: null,
  stages: [],
  ...facts,
});
const change = (now, before) => ({ now: release(now), before: before && release(before) });
const time = (milliseconds) => milliseconds && new Date(milliseconds).toISOString();
const stage = (name, state, began = null, ended = null, cached = false) => {
  return { name, state, started_at: time(began), ended_at: time(ended), cached };
};
const t = (name) => `<${name}>`;

test("the end of one's own release is told, also of others' on the page of the app, and nothing twice", () => {
  const ended = change({ state: "failed" }, { state: "running" });
  const again = change({ state: "failed" }, { state: "failed" });
  const begun = change({ requested_by: "wang", state: "queued" });
  const elsewhere = change(
    { requested_by: "wang", app: "other", state: "succeeded" },
    { requested_by: "wang", app: "other" },
  );
  const { own, others } = notable([ended, again, begun, elsewhere], "lin", "shop");
  assert.deepEqual([own, others], [[ended.now], [begun.now]]);
  assert.deepEqual(notable([ended], "wang", "shop"), { own: [], others: [ended.now] });
});

test("what is first heard of as ended was not waited for", () => {
  assert.deepEqual(notable([change({ state: "succeeded" })], "lin", "shop").own, []);
});

test("a page fetches what it cannot show by itself", () => {
  const end = change({ state: "succeeded" }, { state: "running" });
  const checkedOut = change({ commit: { id: "abc" } }, { commit: null });
  const running = change({ state: "running" }, { state: "queued" });
  assert.equal(isWorthFetching(end, {}, true), true);
  assert.equal(isWorthFetching(checkedOut, {}, true), true);
  assert.equal(isWorthFetching(running, {}, true), false);
  assert.equal(isWorthFetching(running, {}, false), true, "it is not on the page yet");
  assert.equal(isWorthFetching(change({}), {}, true), false);
  assert.equal(isWorthFetching(end, undefined, true), false, "the page shows no releases");
});

test("a queued release that waits for something else now is fetched, one that only moves up is not", () => {
  const waits = (position, release) => ({ state: "queued", queue: { position, reason: "release", release } });
  assert.equal(isWorthFetching(change(waits(2, 5), waits(3, 5)), {}, true), false);
  assert.equal(isWorthFetching(change(waits(2, 6), waits(3, 5)), {}, true), true);
});

test("a page of one app or release fetches nothing for others", () => {
  const end = change({ state: "succeeded" }, { state: "running" });
  assert.equal(isWorthFetching(end, { app: "other" }, false), false);
  assert.equal(isWorthFetching(end, { app: "shop", release: "8" }, false), false);
  assert.equal(isWorthFetching(end, { release: "7" }, true), true);
});

test("a stage shows since when it runs, or how long it took and whether that was cached", () => {
  const stages = [
    stage("checkout", "succeeded", 1000, 1600),
    stage("install", "succeeded", 1600, 1700, true),
    stage("build", "running", 1700),
    stage("publish", "pending"),
  ];
  assert.deepEqual(shownStages(release({ stages }), t), [
    { name: "checkout", state: "succeeded", since: null, time: "0.6 s" },
    { name: "install", state: "succeeded", since: null, time: "0.1 s · <cached>" },
    { name: "build", state: "running", since: 1700, time: null },
    { name: "publish", state: "pending", since: null, time: "" },
  ]);
  const ended = shownStages(release({ state: "failed", stages }), t);
  assert.deepEqual(
    ended.map(({ name }) => name),
    ["checkout", "install", "build"],
  );
});
