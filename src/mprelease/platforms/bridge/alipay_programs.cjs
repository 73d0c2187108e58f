"use strict";

// Which programs minidev may start: its own compiler, and its own scripts. The tool would also run
// the `scripts` of the project's mini.project.json, through a shell.
//
// The compiler is fetched by the tool into a folder of this release. What earlier releases have
// fetched lies beside the tool, where this process cannot write, and is used from there.

const programs = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { tell } = require("./protocol.cjs");

const KEPT = path.join(fs.realpathSync(process.argv[2]), "compilers");
const SHELLS = ["exec", "execSync", "execFile", "execFileSync", "spawnSync"];
const OWN = path.join(process.env.MINIDEV_COMPILEDIR, "compilers");
const told = new Set();

/** Let nothing else be started from now on; has to come before the tool is loaded. */
function guard() {
  for (const name of SHELLS) programs[name] = (line) => refuse(line);
  const { fork, spawn } = programs;
  programs.fork = (file, ...rest) => fork(inside(path.dirname(KEPT), file), ...rest);
  programs.spawn = (file, ...rest) => {
    const compiler = [KEPT, OWN].find((folder) => isInside(folder, file)) ?? refuse(file);
    if (compiler === OWN) tellOf(path.relative(OWN, file).split(path.sep)[0]);
    return spawn(file, ...rest);
  };
}

/** Let the tool find the compilers that are kept. */
function offerKept() {
  fs.mkdirSync(OWN, { recursive: true });
  if (!fs.existsSync(KEPT)) return;
  for (const name of fs.readdirSync(KEPT)) {
    if (!name.startsWith(".")) fs.symlinkSync(path.join(KEPT, name), path.join(OWN, name));
  }
}

// That others are to have it, too, is all that is told: they get it from the vendor, not from here.
function tellOf(name) {
  if (told.has(name) || fs.lstatSync(path.join(OWN, name)).isSymbolicLink()) return;
  told.add(name);
  tell("fetched");
}

function inside(folder, file) {
  return isInside(folder, file) ? file : refuse(file);
}

function isInside(folder, file) {
  return path.resolve(file).startsWith(folder + path.sep);
}

function refuse(what) {
  throw new Error(`mprelease: code of the project may not run while it is published: ${what}`);
}

module.exports = { guard, offerKept };
