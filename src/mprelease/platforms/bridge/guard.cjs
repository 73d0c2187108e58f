"use strict";

// Keeps JavaScript of the project that is being published out of the process that knows the key.
// Preloaded into the bridge; Node hands `--require` on to the compiler that the tool forks, and we
// to its worker threads. Two ways in were found in miniprogram-ci 2.1.42: a `browserslist` in the
// project's package.json that extends a package, and `@plugin` in a .less file.

const fs = require("node:fs");
const Module = require("node:module");
const path = require("node:path");
const workers = require("node:worker_threads");

const TOOL = process.env.MPRELEASE_TOOL;
const HOMES = [TOOL, __dirname].map((folder) => fs.realpathSync(folder) + path.sep);
const LESS = path.join(HOMES[0], "node_modules", "less", "index.js");

function refuse(what) {
  throw new Error(`mprelease: code of the project may not run while it is published: ${what}`);
}

for (const extension of [".js", ".node"]) {
  const load = Module._extensions[extension];
  Module._extensions[extension] = (module, file) => {
    if (!HOMES.some((home) => file.startsWith(home))) refuse(file);
    load(module, file);
    if (file === LESS) withoutPlugins(module.exports);
  };
}

function withoutPlugins(less) {
  const loader = less.PluginLoader.prototype;
  loader.loadPlugin = async (file) => refuse(`@plugin "${file}"`);
  loader.loadPluginSync = (file) => refuse(`@plugin "${file}"`);
}

// The tool's own value, which it sets too late: with it the project's browserslist is not read.
process.env.BROWSERSLIST = "iOS >= 8, Chrome >= 37";

workers.Worker = class extends workers.Worker {
  constructor(file, options) {
    const env = { ...options.env, MPRELEASE_TOOL: TOOL };
    super(file, { ...options, env, execArgv: ["--require", __filename] });
  }
};
