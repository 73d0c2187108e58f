"use strict";

// What every bridge says and hears. Standard input carries the order, as one line of JSON, and
// later "go <not after, ms since the epoch>". Events leave as lines of JSON on descriptor 3.

const fs = require("node:fs");
const path = require("node:path");
const { promisify } = require("node:util");

const read = promisify(fs.read);
const HIDDEN = Symbol.for("mprelease.hidden"); // set by guard.cjs
const INPUT = 0;
const EVENTS = 3;
// Characters. The reader refuses longer texts, and cuts lines of more than 64 KiB.
const LONGEST_TEXT = 8000;
const LONGEST_WHERE_MANY = 1000;
const LONGEST_LINE = 60000;

/** A failure with a code of our own, beside those of the vendor's tool. */
class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** Write one event. */
function tell(event, facts = {}) {
  const said = { event, ...facts };
  const line = lineOf(said, LONGEST_TEXT);
  const isShort = Buffer.byteLength(line) <= LONGEST_LINE;
  fs.writeSync(EVENTS, isShort ? line : lineOf(said, LONGEST_WHERE_MANY));
}

function lineOf(said, longest) {
  const cut = (_, value) => (typeof value === "string" ? value.slice(0, longest) : value);
  return `${JSON.stringify(said, cut)}\n`;
}

/** Write a line of progress. */
function progress(text) {
  tell("progress", { text: String(text) });
}

/** Write a line of progress of our own, by its id in the catalogs. */
function note(id, detail = "") {
  tell("note", { note: id, detail: String(detail) });
}

/** Return the order; blocks until it is there. */
function readOrder() {
  return JSON.parse(readLine());
}

/**
 * Return the order, and take some steps until it is there: what saves time later, but need not be.
 * Tells "loaded" in between.
 */
async function readOrderAfter(steps) {
  const first = Buffer.alloc(1);
  let isThere = false;
  const begun = read(INPUT, first, 0, 1, null).finally(() => (isThere = true));
  for (const step of steps) {
    await new Promise(setImmediate); // lets an order be noticed
    if (isThere) break;
    await step();
  }
  tell("loaded");
  await begun;
  return JSON.parse(first + readLine());
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
  const { code = null, path: blamed = null } = error ?? {};
  const message = String(error?.message ?? error);
  const outside = outsideIn(error, message);
  tell("error", { code: codeOf(code), path: textOf(blamed), outside, message, ...facts });
}

// The path outside of the project of which a failure speaks, if it is one that was hidden.
function outsideIn(error, message) {
  if (error?.code === "OUTSIDE") return error.message;
  const named = [...(process[HIDDEN] ?? [])].filter((file) => isNamed(file, message));
  return named.sort((one, other) => other.length - one.length)[0] ?? null;
}

// As a whole: `/pages/a` is no part of `/somewhere/pages/a.js`. Our own words (files.cjs) may stand
// before it.
function isNamed(file, message) {
  const literal = file.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`(?:^|[^\\w./-]|not in the project)${literal}(?![\\w/-])`).test(message);
}

/** Return a code as it may be told: a whole number, a text, or null. */
function codeOf(code) {
  return Number.isSafeInteger(code) ? code : textOf(code);
}

/** Return anything as a text; null where there is nothing. */
function textOf(value) {
  return value === null || value === undefined ? null : String(value);
}

/**
 * Return a path that the project names, as one inside of a folder; throw a refusal where it is not.
 * Links on its way count as well; what does not exist yet must lie in a folder that does.
 */
function inside(folder, named) {
  const root = fs.realpathSync(folder);
  const place = path.resolve(root, String(named));
  let there = place;
  while (!exists(there)) there = path.dirname(there);
  if (isIn(root, place) && isIn(root, fs.realpathSync(there))) return place;
  throw new Refusal("OUTSIDE", String(named));
}

// A link that leads nowhere is there, too: what is written through it arrives somewhere.
function exists(place) {
  try {
    fs.lstatSync(place);
    return true;
  } catch (error) {
    if (error.code === "ENOENT") return false;
    throw error;
  }
}

/** Tell whether a path lies in a folder, or is that folder; by its words alone. */
function isIn(folder, place) {
  return place === folder || place.startsWith(folder.endsWith(path.sep) ? folder : folder + path.sep);
}

// Byte by byte, so that nothing of the next line is taken; both lines are short.
function readLine() {
  const bytes = [];
  const byte = Buffer.alloc(1);
  while (fs.readSync(INPUT, byte) === 1 && byte[0] !== 10) bytes.push(byte[0]);
  return Buffer.from(bytes).toString("utf8");
}

module.exports = {
  Refusal,
  awaitGo,
  codeOf,
  fail,
  inside,
  isIn,
  note,
  progress,
  readOrder,
  readOrderAfter,
  tell,
  textOf,
};
