import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { sockets, until } from "./browser.mjs";
import { LogSource } from "../../src/mprelease/web/static/log_source.js";

const passage = (attempt, first, ...texts) => [attempt, first, "build", texts];
let asked = [];
let answers = [];
let events = [];

// A server that gives its answers in order; a status is one without content, null no answer at all.
globalThis.fetch = async (address) => {
  asked.push(address.split("?")[1]);
  const answer = answers.shift();
  if (answer === null) throw new TypeError("no connection");
  if (typeof answer === "number") return new Response(null, { status: answer });
  return Response.json(answer);
};

beforeEach(() => {
  asked = [];
  answers = [];
  events = [];
});

function started() {
  const source = new LogSource("/releases/7/lines", 7);
  return source.start({
    onLines: ({ passages }) =>
      events.push(...passages.map(([, first, , texts]) => `${first}+${texts.length}`)),
    onRestart: () => events.push("restart"),
    onOver: () => events.push("over"),
    onDisconnected: (isDisconnected) => isDisconnected && events.push("lost"),
  });
}

const socket = () => sockets.at(-1);
const said = () => socket().sent.at(-1);

test("what is stored is asked for from the last line on, until all of it is there", async () => {
  answers = [
    { passages: [passage(1, 1, "a", "b"), passage(1, 3, "c")], more: true },
    { passages: [passage(2, 1, "d")], over: true },
  ];
  await started();
  assert.deepEqual(asked, ["attempt=0&line=0", "attempt=1&line=3"]);
  assert.deepEqual(events, ["1+2", "3+1", "1+1", "over"]);
});

test("the socket goes on behind the stored lines, and what comes moves the position", async () => {
  answers = [{ passages: [passage(1, 1, "a", "b")] }];
  const ended = started();
  await until(() => sockets.length > 0);
  socket().open();
  assert.deepEqual(said(), { log: 7, attempt: 1, line: 2 });
  socket().receive({ passages: [passage(1, 3, "c", "d")] });
  socket().end(1006);
  await until(() => sockets.length === 2);
  socket().open();
  assert.deepEqual(said(), { log: 7, attempt: 1, line: 4 });
  socket().receive({ passages: [passage(1, 5, "e")], over: true });
  await ended;
  assert.deepEqual(events, ["1+2", "3+2", "lost", "5+1", "over"]);
});

test("lines that were shown and never stored: the log begins again from its first line", async () => {
  answers = [
    { passages: [passage(1, 1, "a")], more: true },
    { passages: [], cut: true },
    { passages: [passage(1, 1, "b")], over: true },
  ];
  await started();
  assert.deepEqual(asked, ["attempt=0&line=0", "attempt=1&line=1", "attempt=0&line=0"]);
  assert.deepEqual(events, ["1+1", "restart", "1+1", "over"]);
});

test("a server that cannot be reached is asked again for the same", async () => {
  answers = [{ passages: [passage(1, 1, "a")], more: true }, null, 502, { passages: [], over: true }];
  await started();
  assert.deepEqual(asked.slice(1), Array(3).fill("attempt=1&line=1"));
  assert.deepEqual(events, ["1+1", "lost", "lost", "over"]);
});

test("whoever was logged out keeps what is shown", async () => {
  answers = [{ passages: [passage(1, 1, "a")], more: true }, 403];
  await started();
  assert.deepEqual(events, ["1+1", "over"]);
});

test("without a socket the stored lines are asked for again and again, until the end", async () => {
  answers = [
    { passages: [passage(1, 1, "a")] },
    { passages: [passage(1, 2, "b")] },
    { passages: [], over: true },
  ];
  const { length } = socket().sent;
  const ended = started();
  await until(() => socket().sent.length > length);
  assert.deepEqual(said(), { log: 7, attempt: 1, line: 1 });
  const opened = sockets.length;
  socket().end(4429);
  await until(() => sockets.length > opened);
  socket().end(4429);
  await ended;
  assert.deepEqual(asked, ["attempt=0&line=0", "attempt=1&line=1", "attempt=1&line=2"]);
  assert.deepEqual(events, ["1+1", "2+1", "over"]);
});
