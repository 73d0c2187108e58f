"use strict";

// Allows minidev to start its compiler and its own scripts only. The tool would also run the
// `scripts` of the project's mini.project.json, with a shell.
//
// The tool downloads the compiler into a folder of this release. Kept compilers of earlier releases
// are next to the tool, read-only for this process, and are linked into that folder.

const programs = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { emit } = require("./protocol.cjs");

const KEPT = path.join(fs.realpathSync(process.argv[2]), "compilers");
const SHELLS = ["exec", "execSync", "execFile", "execFileSync", "spawnSync"];
const OWN = path.join(process.env.MINIDEV_COMPILEDIR, "compilers");
const reported = new Set();

/** Refuse to start other programs; call before the tool is loaded. */
function guard() {
  for (const name of SHELLS) programs[name] = (line) => refuse(line);
  const { fork, spawn } = programs;
  programs.fork = (file, ...rest) => fork(inside(path.dirname(KEPT), file), ...rest);
  programs.spawn = (file, ...rest) => {
    const compiler = [KEPT, OWN].find((folder) => isInside(folder, file)) ?? refuse(file);
    if (compiler === OWN) reportDownload(path.relative(OWN, file).split(path.sep)[0]);
    return spawn(file, ...rest);
  };
}

/** Link the kept compilers into the folder where the tool looks for them. */
function offerKept() {
  fs.mkdirSync(OWN, { recursive: true });
  if (!fs.existsSync(KEPT)) return;
  for (const name of fs.readdirSync(KEPT)) {
    if (!name.startsWith(".")) fs.symlinkSync(path.join(KEPT, name), path.join(OWN, name));
  }
}

// Only the fact is reported: the worker downloads the compiler from the vendor, not from here.
function reportDownload(name) {
  if (reported.has(name) || fs.lstatSync(path.join(OWN, name)).isSymbolicLink()) return;
  reported.add(name);
  emit("fetched");
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
