"use strict";

// Says which modules a bridge loads when it has read its order. Loaded before the guard.

const fs = require("node:fs");
const Module = require("node:module");

const { readSync } = fs;
let hasOrder = false;
fs.readSync = (descriptor, ...rest) => {
  const count = readSync(descriptor, ...rest);
  hasOrder ||= descriptor === 0;
  return count;
};

const load = Module._extensions[".js"];
Module._extensions[".js"] = (module, file) => {
  if (hasOrder) console.log(`late: ${file}`);
  load(module, file);
};
