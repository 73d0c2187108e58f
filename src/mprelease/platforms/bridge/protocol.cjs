"use strict";

// The protocol of all bridges. Standard input: the order as one line of JSON, later the line
// "go <not after, ms since the epoch>". Events are written to descriptor 3, as lines of JSON.

const fs = require("node:fs");
const path = require("node:path");
const { promisify } = require("node:util");

const read = promisify(fs.read);
const HIDDEN = Symbol.for("mprelease.hidden"); // set by guard.cjs
const INPUT = 0;
const EVENTS = 3;
// Characters. The reader refuses longer texts, and truncates lines of more than 64 KiB.
const LONGEST_TEXT = 8000;
const LONGEST_WHERE_MANY = 1000;
const LONGEST_LINE = 60000;

/** An error with a code of the bridge, distinct from those of the vendor's tool. */
class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** Write one event. */
function emit(event, facts = {}) {
  const fields = { event, ...facts };
  const line = lineOf(fields, LONGEST_TEXT);
  const isShort = Buffer.byteLength(line) <= LONGEST_LINE;
  fs.writeSync(EVENTS, isShort ? line : lineOf(fields, LONGEST_WHERE_MANY));
}

function lineOf(fields, longest) {
  const cut = (_, value) => (typeof value === "string" ? value.slice(0, longest) : value);
  return `${JSON.stringify(fields, cut)}\n`;
}

/** Write the result, and end. */
function succeed(result) {
  emit("result", result);
  process.exit(0);
}

/** Write a progress message of the tool. */
function progress(text) {
  emit("progress", { text: String(text) });
}

/** Write a translatable progress message, by its id in the catalogs. */
function note(id, detail = "") {
  emit("note", { note: id, detail: String(detail) });
}

/** Return the order; blocks until it is there. */
function readOrder() {
  return JSON.parse(readLine());
}

/** Run optional steps until the order arrives, write "loaded", and return the order. */
async function readOrderAfter(steps) {
  const first = Buffer.alloc(1);
  let isThere = false;
  const begun = read(INPUT, first, 0, 1, null).finally(() => (isThere = true));
  for (const step of steps) {
    await new Promise(setImmediate); // lets the read complete
    if (isThere) break;
    await step();
  }
  emit("loaded");
  await begun;
  return JSON.parse(first + readLine());
}

/** Write "ready", and block until sending is allowed; throw if it is not. */
function awaitGo() {
  emit("ready");
  const [word, notAfter] = readLine().split(" ");
  if (word !== "go") throw new Refusal("ABORTED", "nothing was sent: nobody said go");
  if (Date.now() > Number(notAfter)) throw new Refusal("LATE", "nothing was sent: it was too late");
}

/** Write the event of an error; `facts` are further fields for the driver. */
function fail(error, facts) {
  const { code = null, path: blamed = null } = error ?? {};
  const message = String(error?.message ?? error);
  const outside = outsideIn(error, message);
  emit("error", { code: codeOf(code), path: textOf(blamed), outside, message, ...facts });
}

// Returns the path outside of the project that an error refers to, if it was hidden; else null.
function outsideIn(error, message) {
  if (error?.code === "OUTSIDE") return error.message;
  const named = [...(process[HIDDEN] ?? [])].filter((file) => isNamed(file, message));
  return named.sort((one, other) => other.length - one.length)[0] ?? null;
}

// Matches whole paths: not `/pages/a` in `/somewhere/pages/a.js`. The prefix of file_access.cjs may
// precede it.
function isNamed(file, message) {
  const literal = file.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`(?:^|[^\\w./-]|not in the project)${literal}(?![\\w/-])`).test(message);
}

/** Return a code as a safe integer, a text, or null. */
function codeOf(code) {
  return Number.isSafeInteger(code) ? code : textOf(code);
}

/** Return a value as a text; null for null and undefined. */
function textOf(value) {
  return value === null || value === undefined ? null : String(value);
}

/**
 * Return the absolute path of a path from the project's configuration; throw a Refusal("OUTSIDE")
 * unless it is inside of `folder`, before and after resolving links. It need not exist.
 */
function inside(folder, named) {
  const root = fs.realpathSync(folder);
  const place = path.resolve(root, String(named));
  let there = place;
  while (!exists(there)) there = path.dirname(there);
  if (isIn(root, place) && isIn(root, fs.realpathSync(there))) return place;
  throw new Refusal("OUTSIDE", String(named));
}

// Returns true for a broken link, too: a file could be created through it.
function exists(place) {
  try {
    fs.lstatSync(place);
    return true;
  } catch (error) {
    if (error.code === "ENOENT") return false;
    throw error;
  }
}

/** Return whether a path is in a folder, or is that folder; links are not resolved. */
function isIn(folder, place) {
  return place === folder || place.startsWith(folder.endsWith(path.sep) ? folder : folder + path.sep);
}

// Byte by byte, so that nothing of the next line is consumed; both lines are short.
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
  emit,
  succeed,
  textOf,
};
