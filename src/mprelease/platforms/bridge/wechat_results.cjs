"use strict";

// Uses the result of an earlier compile of the same files, and writes the result of a new one.
// mprelease decides which result belongs to which files; this module checks what only the tool can
// know: its version, and what WeChat says about the app and about the kinds of files to send.
//
// A result is a line of JSON ({ basis, files: [[name, size], …] }) and the content of its files.

const fs = require("node:fs");
const path = require("node:path");
const { isDeepStrictEqual } = require("node:util");

// getCompiler and what it returns are internals, examined in this version: upload() calls compile()
// once, and adds the signature to what it returns. With any other version the tool compiles.
const EXAMINED = "2.1.42";
const CI = "miniprogram-ci/dist";
// The fields of the app's attributes that the tool compares (isAttrEqual of reactiveProject.js).
const ATTRIBUTES = ["platform", "appType", "gameApp", "isSandbox", "released", "setting"];

/** Return the examined internals of the tool; null for another version. */
function internalsOf(modules) {
  try {
    const load = (name) => require(path.join(modules, CI, name));
    const [compilers, lists] = [load("ci/getcompiler.js"), load("utils/white_ext_list.js")];
    const isExamined =
      load("config/config.js").CI_VERSION === EXAMINED &&
      typeof compilers.getCompiler === "function" &&
      typeof lists.getWhiteExtList === "function";
    return isExamined ? { compilers, lists } : null;
  } catch {
    return null;
  }
}

/** Let the tool use the result in a file; return false if it cannot be used. */
async function useResult(internals, project, file) {
  try {
    const { basis, files } = parsed(await fs.promises.readFile(file));
    if (!isDeepStrictEqual(basis, await basisOf(internals, project))) return false;
    internals.compilers.getCompiler = async () => ({ compile: async () => ({ ...files }), destroy() {} });
    return true;
  } catch {
    return false; // The tool compiles, and reports what is wrong.
  }
}

/** Let the tool compile, and write the result to a file; return a function that awaits its end. */
function writeResult(internals, project, file) {
  const { getCompiler } = internals.compilers;
  let writing;
  internals.compilers.getCompiler = async (...given) => {
    const compiler = await getCompiler(...given);
    const { compile } = compiler;
    compiler.compile = async (...options) => {
      const files = await compile.apply(compiler, options);
      writing = write(internals, project, file, { ...files });
      return files;
    };
    return compiler;
  };
  return () => writing;
}

async function write(internals, project, file, files) {
  try {
    const contents = Object.entries(files).map(([name, content]) => [name, Buffer.from(content)]);
    const basis = await basisOf(internals, project);
    const header = JSON.stringify({ basis, files: contents.map(([name, { length }]) => [name, length]) });
    const buffers = [Buffer.from(`${header}\n`), ...contents.map(([, content]) => content)];
    await fs.promises.writeFile(file, Buffer.concat(buffers), { flag: "wx" });
  } catch {
    // The next release of these files compiles them again.
  }
}

function parsed(content) {
  const end = content.indexOf(10);
  const { basis, files } = JSON.parse(content.subarray(0, end).toString());
  let at = end + 1;
  const named = files.map(([name, size]) => [name, content.subarray(at, (at += size))]);
  if (at !== content.length) throw new Error("the result is incomplete");
  return { basis, files: Object.fromEntries(named) };
}

// The tool requests both for a compile too, and keeps them until its end.
async function basisOf({ lists }, project) {
  const [attributes, extensions] = await Promise.all([project.attr(), lists.getWhiteExtList()]);
  const known = ATTRIBUTES.map((name) => [name, attributes[name] ?? null]);
  const basis = {
    tool: EXAMINED,
    attributes: Object.fromEntries(known),
    extensions: [...extensions.MiniProgramWhiteList],
    gameExtensions: [...extensions.GameWhiteList],
  };
  return JSON.parse(JSON.stringify(basis));
}

module.exports = { internalsOf, useResult, writeResult };
