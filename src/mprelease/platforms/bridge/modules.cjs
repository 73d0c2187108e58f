"use strict";

// Which code may be loaded: the tool's and ours. Files with data (.json) may lie anywhere.

const path = require("node:path");
const { fileURLToPath } = require("node:url");

/** Throw because somebody would run what belongs to the project. */
function refuse(what) {
  throw new Error(`mprelease: code of the project may not run while it is published: ${what}`);
}

/** Return a function that refuses the address of a module that lies in none of some folders. */
function ruleFor(homes) {
  return (url) => {
    if (url.startsWith("node:") || isBare(url)) return;
    if (!url.startsWith("file:")) refuse(url.slice(0, 80));
    const file = fileURLToPath(url);
    if (path.extname(file) !== ".json" && !isAtHome(homes, file)) refuse(file);
  };
}

/** Tell whether a file lies in one of some folders, each of which ends with a separator. */
function isAtHome(homes, file) {
  const place = path.resolve(file);
  return homes.some((home) => place.startsWith(home));
}

// A module of Node itself may be named without "node:".
function isBare(url) {
  return /^[a-z_]+(\/[a-z_]+)*$/.test(url);
}

module.exports = { isAtHome, refuse, ruleFor };
