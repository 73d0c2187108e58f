// Hooks for Node's loader of ES modules, in a thread of its own: for a Node whose loader cannot be
// watched from inside (before 22.15). What may be loaded is said by modules.cjs.

import { createRequire } from "node:module";

const { ruleFor } = createRequire(import.meta.url)("./modules.cjs");
let mayLoad;

export function initialize(homes) {
  mayLoad = ruleFor(homes);
}

export function load(url, context, next) {
  mayLoad(url);
  return next(url, context);
}
