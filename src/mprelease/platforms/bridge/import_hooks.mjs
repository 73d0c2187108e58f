// Hooks for Node's loader of ES modules, which run in a thread of their own: for versions without
// synchronous hooks (before 22.15). module_rule.cjs defines which modules may be loaded.

import { createRequire } from "node:module";

const { ruleFor } = createRequire(import.meta.url)("./module_rule.cjs");
let mayLoad;

export function initialize(folders) {
  mayLoad = ruleFor(folders);
}

export function load(url, context, next) {
  mayLoad(url);
  return next(url, context);
}
