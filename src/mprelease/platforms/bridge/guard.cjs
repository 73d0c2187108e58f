"use strict";

// Keeps JavaScript of the project that is being published out of the process that knows the key,
// and files that are not the project's out of the package. Preloaded into the bridge; Node hands
// `--require` on to the compiler that the tool forks, and we to its worker threads.
//
// Two ways in were found in miniprogram-ci 2.1.42: a `browserslist` in the project's package.json
// that extends a package, and `@plugin` in a .less file. All loaders of Node 20, 22 and 24 are
// closed all the same: require() of any kind of file (ES modules and TypeScript too), import(),
// native modules, and text that is compiled as a module.

const fs = require("node:fs");
const Module = require("node:module");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const workers = require("node:worker_threads");
const { confine } = require("./files.cjs");
const { isAtHome, refuse, ruleFor } = require("./modules.cjs");

const TOOL = process.env.MPRELEASE_TOOL;
const SCRATCH = process.env.HOME;
const HOMES = [TOOL, __dirname].map((folder) => fs.realpathSync(folder) + path.sep);
const LESS = path.join(HOMES[0], "node_modules", "less", "index.js");

/** The paths outside of the project that the tool has asked for; protocol.cjs looks for them. */
const hidden = new Set();
Object.defineProperty(process, Symbol.for("mprelease.hidden"), { value: hidden });

// Node 20 checks what import() loads in a thread of its own, which costs 46 ms of CPU to start. A
// process starts it with the first code that may call import(); the compiler that miniprogram-ci
// forks has none. Comments match too, which costs time only. Worker threads start it at once: their
// first file may be an ES module, which is not compiled here.
const IMPORT = /\bimport\s*(?:\(|\/[*/])/;
let importIsWatched = false;

watchRequire();
if (Module.registerHooks || !workers.isMainThread) watchImport();
confine([TOOL, __dirname, SCRATCH, process.execPath], (file) => hidden.add(file));

function watchRequire() {
  for (const [extension, load] of Object.entries(Module._extensions)) {
    if (extension === ".json") continue;
    Module._extensions[extension] = (module, file) => {
      if (!isAtHome(HOMES, file)) refuse(file);
      load(module, file);
      if (file === LESS) withoutPlugins(module.exports);
    };
  }
  const { _compile } = Module.prototype;
  Module.prototype._compile = function compile(content, file, ...rest) {
    if (!isAtHome(HOMES, String(file))) refuse(file);
    if (!importIsWatched && IMPORT.test(content)) watchImport();
    return _compile.call(this, content, file, ...rest);
  };
  const { dlopen } = process;
  process.dlopen = (module, file, ...rest) => {
    if (!isAtHome(HOMES, String(file))) refuse(file);
    return dlopen.call(process, module, file, ...rest);
  };
}

function watchImport() {
  importIsWatched = true;
  if (Module.registerHooks) {
    const mayLoad = ruleFor(HOMES);
    Module.registerHooks({
      load(url, context, next) {
        mayLoad(url);
        return next(url, context);
      },
    });
    return;
  }
  Module.register("./imports.mjs", { parentURL: pathToFileURL(__filename), data: HOMES });
}

// No code of the project's, and nothing from the network: an address may be one of this machine.
function withoutPlugins(less) {
  const loader = less.PluginLoader.prototype;
  loader.loadPlugin = async (file) => refuse(`@plugin "${file}"`);
  loader.loadPluginSync = (file) => refuse(`@plugin "${file}"`);
  const network = less.UrlFileManager?.prototype;
  if (network) Object.assign(network, { supports: () => false, supportsSync: () => false });
}

// The tool's own value, which it sets too late: with it the project's browserslist is not read.
process.env.BROWSERSLIST = "iOS >= 8, Chrome >= 37";

workers.Worker = class extends workers.Worker {
  constructor(file, options) {
    const env = { ...options?.env, MPRELEASE_TOOL: TOOL, HOME: SCRATCH };
    super(file, { ...options, env, execArgv: ["--require", __filename] });
  }
};
