"use strict";

// What every bridge says and hears. Standard input carries the order, as one line of JSON, and
// later "go <not after, ms since the epoch>". Events leave as lines of JSON on descriptor 3.

const fs = require("node:fs");

const INPUT = 0;
const EVENTS = 3;
const LONGEST_TEXT = 8000; // a line of more than 64 KiB would be cut by the reader

/** A failure with a code of our own, beside those of the vendor's tool. */
class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** Write one event. */
function tell(event, facts = {}) {
  fs.writeSync(EVENTS, `${JSON.stringify({ event, ...facts })}\n`);
}

/** Write a line of progress. */
function progress(text) {
  tell("progress", { text: text.slice(0, LONGEST_TEXT) });
}

/** Return the order; blocks until it is there. */
function readOrder() {
  return JSON.parse(readLine());
}

/** Say that the next thing would be sent, and return once it may be; throw when it may not. */
function awaitGo() {
  tell("ready");
  const [word, notAfter] = readLine().split(" ");
  if (word !== "go") throw new Refusal("ABORTED", "nothing was sent: nobody said go");
  if (Date.now() > Number(notAfter)) throw new Refusal("LATE", "nothing was sent: it was too late");
}

/** Write the event of a failure; `facts` is what the driver needs to judge it. */
function fail(error, facts) {
  const { code = null, path = null } = error ?? {};
  const message = String(error?.message ?? error).slice(0, LONGEST_TEXT);
  tell("error", { code, path, message, ...facts });
}

// Byte by byte, so that nothing of the next line is taken; both lines are short.
function readLine() {
  const bytes = [];
  const byte = Buffer.alloc(1);
  while (fs.readSync(INPUT, byte) === 1 && byte[0] !== 10) bytes.push(byte[0]);
  return Buffer.from(bytes).toString("utf8");
}

module.exports = { Refusal, awaitGo, fail, progress, readOrder, tell };
