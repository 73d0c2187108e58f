"use strict";

// Work that miniprogram-ci does only when it has a project, done in advance: it loads 1,800 files,
// and Babel, terser and postcss are slow on their first compilation. For a small project that is most
// of the time. The functions called here keep no state of a project: the tool's worker threads call
// them for one file after another. They are internals; versions without them are merely not sped up.

const path = require("node:path");

const CI = "miniprogram-ci/dist";
const COMPILER = `${CI}/modules/corecompiler`;
const PLUGINS = `${COMPILER}/summer/plugins`;
const LOADED_LATE = [
  "@babel/core",
  "@babel/preset-env",
  "@babel/plugin-transform-modules-commonjs",
  "@babel/plugin-transform-runtime",
  "@babel/plugin-proposal-class-properties",
  "@babel/plugin-proposal-decorators",
  "@babel/plugin-proposal-do-expressions",
  "@babel/plugin-proposal-export-default-from",
  "@babel/plugin-proposal-function-bind",
  "@babel/plugin-proposal-function-sent",
  "@babel/plugin-proposal-pipeline-operator",
  "@babel/plugin-proposal-private-methods",
  "@babel/plugin-proposal-private-property-in-object",
  "@babel/plugin-proposal-throw-expressions",
  "@babel/helpers",
  "terser",
  "cssnano-preset-default",
  `${COMPILER}/processHandler.js`,
  `${PLUGINS}/base/wxss.js`,
  `${PLUGINS}/filetask/script.js`,
  `${PLUGINS}/minifywxml.js`,
  `${CI}/utils/babel_transform_plugin.js`,
];

const STYLE = ".a, .b > .c::after { display: flex; margin: 0 0 0 0; color: #ff0000 }";
const SCRIPT = "Page({ onLoad({ id }) { this.setData({ id }, () => console.log(...id)); } });";

/** Return the work in steps of at most a few tenths of a second each; they never throw. */
function stepsOf(modules) {
  const load = (name) => require(path.join(modules, name));
  const steps = [...LOADED_LATE.map((name) => () => load(name)), () => style(load), () => script(load)];
  // If a module is missing, the tool reports it itself, if it needs it at all.
  return steps.map((step) => async () => {
    try {
      await step();
    } catch {}
  });
}

function style(load) {
  const { workerMethods } = load(`${PLUGINS}/base/wxss.js`).default({}, {});
  return workerMethods.doOptimize("early.wxss", STYLE);
}

async function script(load) {
  const { bableCompile } = load(`${PLUGINS}/script_task/babel_script_task.js`);
  const options = { enhance: true, babelRoot: "@babel/runtime", resultType: "prod" };
  const { code, map } = await bableCompile("early.js", { sourceCode: SCRIPT }, options);
  const sourceMap = { includeSources: true, content: map, filename: "early.js" };
  await load("terser").minify(code, { toplevel: true, sourceMap });
}

module.exports = { stepsOf };
