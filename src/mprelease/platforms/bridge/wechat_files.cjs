"use strict";

// Uses what the tool has compiled from single files in an earlier release, and writes what it has
// used and compiled in this one: in a large project, few files change between two releases.
//
// The methods were examined in the version of wechat_results.cjs: what they return depends on their
// arguments alone, which hold the file's name, its content and the settings. They read no file.
//
// The file is a line of JSON ([[key, size], …]) and the JSON of each result.

const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");

const CI = "miniprogram-ci/dist/modules/corecompiler";
const METHODS = {
  script: ["doBabelTask", "doSwcTask"], // JavaScript: Babel and terser, or swc
  "summer-wxss": ["doOptimize"], // styles: autoprefixer and cssnano
  "summer-minifywxml": ["doCompress"],
};
const HOOK = "SUMMER_HOOK";
const LARGEST = 100 * 2 ** 20; // bytes of the file; mprelease keeps no larger one

/**
 * Let the tool use the results in the file `kept`, if there is one. Return a function that writes
 * those of this release to a file.
 */
function useFiles(modules, kept) {
  const known = read(kept);
  const used = new Map();
  try {
    const load = (name) => require(path.join(modules, CI, name));
    const [worker, threads] = [load("summer/worker.js"), load("original/workerThread/index.js")];
    const here = (task) => task;
    wrap(worker, "runSummerPluginHook", here, known, used);
    wrap(threads, "runTask", (name, task) => (name === HOOK ? task : null), known, used);
  } catch {
    // Another version of the tool compiles everything.
  }
  return (file) => write(file, used);
}

function wrap(owner, name, taskOf, known, used) {
  const run = owner[name];
  if (typeof run !== "function") return;
  owner[name] = async (...given) => {
    const key = keyOf(taskOf(...given));
    if (key === null) return run(...given);
    const found = used.get(key) ?? known.get(key);
    if (found) {
      used.set(key, found);
      return { result: JSON.parse(found) };
    }
    const answer = await run(...given);
    if (answer && !answer.error && answer.result !== undefined) {
      used.set(key, Buffer.from(JSON.stringify(answer.result)));
    }
    return answer;
  };
}

// Returns null for what was not examined. The time of a file's last change is no input.
function keyOf(task) {
  if (task?.command !== "runMethod" || !METHODS[task.plugin]?.includes(task.method)) return null;
  // A style that names its source map makes postcss read that file.
  if (task.plugin === "summer-wxss" && String(task.args[1]).includes("sourceMappingURL")) return null;
  const withoutTime = (name, value) => (name === "mtime" ? undefined : value);
  const inputs = JSON.stringify([task.plugin, task.method, task.pluginOption, task.args], withoutTime);
  return crypto.createHash("sha256").update(inputs).digest("hex");
}

function read(file) {
  const results = new Map();
  try {
    const content = fs.readFileSync(file);
    let at = content.indexOf(10) + 1;
    for (const [key, size] of JSON.parse(content.subarray(0, at).toString())) {
      results.set(key, content.subarray(at, (at += size)));
    }
    return at === content.length ? results : new Map();
  } catch {
    return new Map();
  }
}

async function write(file, results) {
  const sizes = [...results].map(([key, { length }]) => [key, length]);
  const header = Buffer.from(`${JSON.stringify(sizes)}\n`);
  const content = Buffer.concat([header, ...results.values()]);
  if (content.length > LARGEST) return;
  try {
    await fs.promises.writeFile(file, content, { flag: "wx" });
  } catch {
    // The next release compiles the files again.
  }
}

module.exports = { useFiles };
