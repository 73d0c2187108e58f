"use strict";

// The rule which code may be loaded: the tool's and the bridges'. Data (.json) may be anywhere.

const path = require("node:path");
const { fileURLToPath } = require("node:url");

/** Throw the error that code of the project may not run. */
function refuse(what) {
  throw new Error(`mprelease: code of the project may not run while it is published: ${what}`);
}

/** Return a function that throws for the URL of a module outside of `folders`. */
function ruleFor(folders) {
  return (url) => {
    if (url.startsWith("node:") || isBare(url)) return;
    if (!url.startsWith("file:")) refuse(url.slice(0, 80));
    const file = fileURLToPath(url);
    if (path.extname(file) !== ".json" && !isInAny(folders, file)) refuse(file);
  };
}

/** Return whether a file is in one of `folders`, each of which ends with a separator. */
function isInAny(folders, file) {
  const place = path.resolve(file);
  return folders.some((folder) => place.startsWith(folder));
}

// Built-in modules of Node may be named without "node:".
function isBare(url) {
  return /^[a-z_]+(\/[a-z_]+)*$/.test(url);
}

module.exports = { isInAny, refuse, ruleFor };
