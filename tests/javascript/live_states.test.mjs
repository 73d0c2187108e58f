import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { sockets, tick, until } from "./browser.mjs";
import { states } from "../../src/mprelease/web/static/states.js";

const heard = [];
states.listen((message) => heard.push(message));
beforeEach(() => heard.splice(0));

const release = (id, state) => ({ id, state });
const whole = (...all) => ({ states: all, whole: true, now: Date.now(), spread: 0 });
const some = (...all) => ({ states: all, whole: false, now: Date.now(), spread: 0 });
const last = () => heard.at(-1);

test("the first message is all there is, and later ones are changes of it", () => {
  sockets[0].open();
  assert.deepEqual(sockets[0].sent, [{ states: true }]);
  sockets[0].receive(whole(release(1, "running"), release(2, "queued")));
  assert.equal(last().isMissing, false);
  assert.equal(states.running, 2);
  sockets[0].receive(some(release(1, "succeeded"), release(3, "queued")));
  assert.deepEqual(last().changed, [
    { now: release(1, "succeeded"), before: release(1, "running") },
    { now: release(3, "queued"), before: undefined },
  ]);
  assert.equal(states.running, 2);
});

test("messages of other parts of the page are nothing for this one", () => {
  sockets[0].receive({ passages: [] });
  assert.equal(heard.length, 0);
});

test("after a lost connection what was known is forgotten, and the page has to ask its server", async () => {
  sockets[0].end(1006);
  await until(() => sockets.length === 2);
  sockets[1].open();
  assert.deepEqual(sockets[1].sent, [{ states: true }]);
  sockets[1].receive(whole(release(3, "running")));
  assert.equal(last().isMissing, true);
  assert.deepEqual([...states.known.keys()], [3]);
});

test("places in the queue and labels without a worker come with each message", () => {
  sockets[1].receive({ ...some(), unserved: ["linux"], queue: { 12: 2 } });
  assert.deepEqual(last().unserved, ["linux"]);
  assert.deepEqual(states.positions, { 12: 2 });
  sockets[1].receive(some());
  assert.deepEqual(states.positions, {});
});

test("the time is the server's, however wrong this machine's clock is", () => {
  sockets[1].receive({ ...some(), now: Date.now() - 3_600_000 });
  assert.ok(Math.abs(states.now - (Date.now() - 3_600_000)) < 1000);
});

test("a socket that is silent for too long is replaced", async () => {
  const { now } = Date;
  Date.now = () => now() + 46_000;
  tick();
  Date.now = now;
  await until(() => sockets.length === 3);
  sockets[2].open();
  assert.deepEqual(sockets[2].sent, [{ states: true }]);
});

test("whoever may not see this any more is not told again, and the page goes on without a socket", async () => {
  let refusals = 0;
  states.onRefused = () => refusals++;
  sockets[2].end(4404);
  await until(() => sockets.length === 4);
  assert.equal(refusals, 0, "a release has gone, and the states have not");
  sockets[3].end(4429);
  assert.equal(refusals, 1);
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  assert.equal(sockets.length, 4);
});
