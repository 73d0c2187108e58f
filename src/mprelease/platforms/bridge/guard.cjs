"use strict";

// Prevents the project's JavaScript from running in the process that has the credential, and files
// from outside of the project from being published. Preloaded into the bridge; Node passes
// `--require` on to the compiler that the tool forks, and this module to worker threads.
//
// Two ways to run code were found in miniprogram-ci 2.1.42: a `browserslist` in the project's
// package.json that extends a package, and `@plugin` in a .less file. All loaders of Node 20, 22 and
// 24 are restricted nevertheless: require() of any kind of file (ES modules and TypeScript too),
// import(), native modules, and text that is compiled as a module.

const fs = require("node:fs");
const Module = require("node:module");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const workers = require("node:worker_threads");
const { confine } = require("./file_access.cjs");
const { isInAny, refuse, ruleFor } = require("./module_rule.cjs");

const TOOL = process.env.MPRELEASE_TOOL;
const SCRATCH = process.env.HOME;
const ALLOWED = [TOOL, __dirname].map((folder) => fs.realpathSync(folder) + path.sep);
const LESS = path.join(ALLOWED[0], "node_modules", "less", "index.js");

/** The hidden paths that the tool has tried to access; protocol.cjs reads them. */
const hidden = new Set();
Object.defineProperty(process, Symbol.for("mprelease.hidden"), { value: hidden });

// In Node 20 the hooks of import() run in a thread of their own, whose start takes 46 ms of CPU. It
// is started before the first code that may call import(); the compiler that miniprogram-ci forks
// has none. Comments match too, which only costs time. Worker threads start it immediately: their
// first file may be an ES module, which is not compiled by Module.prototype._compile.
const IMPORT = /\bimport\s*(?:\(|\/[*/])/;
let importIsWatched = false;

watchRequire();
if (Module.registerHooks || !workers.isMainThread) watchImport();
confine([TOOL, __dirname, SCRATCH, process.execPath], (file) => hidden.add(file));

function watchRequire() {
  for (const [extension, load] of Object.entries(Module._extensions)) {
    if (extension === ".json") continue;
    Module._extensions[extension] = (module, file) => {
      if (!isInAny(ALLOWED, file)) refuse(file);
      load(module, file);
      if (file === LESS) withoutPlugins(module.exports);
    };
  }
  const { _compile } = Module.prototype;
  Module.prototype._compile = function compile(content, file, ...rest) {
    if (!isInAny(ALLOWED, String(file))) refuse(file);
    if (!importIsWatched && IMPORT.test(content)) watchImport();
    return _compile.call(this, content, file, ...rest);
  };
  const { dlopen } = process;
  process.dlopen = (module, file, ...rest) => {
    if (!isInAny(ALLOWED, String(file))) refuse(file);
    return dlopen.call(process, module, file, ...rest);
  };
}

function watchImport() {
  importIsWatched = true;
  if (Module.registerHooks) {
    const mayLoad = ruleFor(ALLOWED);
    Module.registerHooks({
      load(url, context, next) {
        mayLoad(url);
        return next(url, context);
      },
    });
    return;
  }
  Module.register("./import_hooks.mjs", { parentURL: pathToFileURL(__filename), data: ALLOWED });
}

// Neither code of the project, nor files from the network: a URL may be one of an internal host.
function withoutPlugins(less) {
  const loader = less.PluginLoader.prototype;
  loader.loadPlugin = async (file) => refuse(`@plugin "${file}"`);
  loader.loadPluginSync = (file) => refuse(`@plugin "${file}"`);
  const network = less.UrlFileManager?.prototype;
  if (network) Object.assign(network, { supports: () => false, supportsSync: () => false });
}

// The tool's own value, which it sets too late: if it is set, the project's browserslist is ignored.
process.env.BROWSERSLIST = "iOS >= 8, Chrome >= 37";

workers.Worker = class extends workers.Worker {
  constructor(file, options) {
    const env = { ...options?.env, MPRELEASE_TOOL: TOOL, HOME: SCRATCH };
    super(file, { ...options, env, execArgv: ["--require", __filename] });
  }
};
