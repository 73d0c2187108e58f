"use strict";

// Lets the publishing process see the files that it needs, and no others: its scratch folder, the
// vendor's tool, our bridges, and Node. What a project names beyond (`@import` and `data-uri` of
// Less, "miniprogram" of a package.json, an address of a source map ...) is not there for the tool.
//
// The walls are the user id and the mounts of the sandbox; this one also stands where those do not,
// and says why. It looks at paths by their words: no link in what is published leads outside
// (pipeline/staging.py), and the tools make none.

const fs = require("node:fs");
const { syncBuiltinESMExports } = require("node:module");
const path = require("node:path");
const { fileURLToPath } = require("node:url");
const { promisify } = require("node:util");

/** Stands before a path that is not shown, in the tool's own message about it. */
const NOWHERE = "/proc/mprelease: not in the project";

const ONE_PATH = [
  "access", "appendFile", "chmod", "chown", "createReadStream", "createWriteStream", "exists",
  "lchmod", "lchown", "lstat", "lutimes", "mkdir", "mkdtemp", "mkdtempDisposable", "open",
  "openAsBlob", "opendir", "readFile", "readdir", "readlink", "realpath", "rm", "rmdir", "stat",
  "statfs", "truncate", "unlink", "unwatchFile", "utimes", "watch", "watchFile", "writeFile",
]; // prettier-ignore
const TWO_PATHS = ["copyFile", "cp", "link", "rename", "symlink"];
// What is asked of the folders above by whoever walks down a path, or makes one.
const ON_THE_WAY = new Set(["access", "exists", "lstat", "mkdir", "readlink", "realpath", "stat"]);
// What tools ask of the system.
const SYSTEM = ["/dev/null", "/proc/cpuinfo", "/proc/meminfo", "/proc/version"];

/** Hide all files but those in some folders from now on; `onHidden` hears of each that was asked. */
function confine(folders, onHidden) {
  const shown = [...new Set([...folders.flatMap(bothNames), ...SYSTEM])];
  // These would look for files by themselves; whoever misses them brings an own way to do it.
  for (const owner of [fs, fs.promises]) for (const name of ["glob", "globSync"]) delete owner[name];
  for (const name of ONE_PATH) replace(name, 1);
  for (const name of TWO_PATHS) replace(name, 2);
  syncBuiltinESMExports();

  function replace(name, count) {
    const known = (given) => seen(given, shown, ON_THE_WAY.has(name), onHidden);
    for (const [owner, key] of [[fs, name], [fs, `${name}Sync`], [fs.promises, name]]) {
      if (typeof owner[key] === "function") owner[key] = around(owner[key], known, count);
    }
  }
}

function around(call, known, count) {
  const asked = function asked(...given) {
    for (let index = 0; index < Math.min(count, given.length); index += 1) {
      given[index] = known(given[index]);
    }
    return call.apply(this, given);
  };
  const properties = Object.getOwnPropertyDescriptors(call);
  delete properties.prototype;
  for (const key of ["native", promisify.custom]) {
    const other = call[key];
    // A promisified function is its own.
    if (other) properties[key].value = other === call ? asked : around(other, known, count);
  }
  return Object.defineProperties(asked, properties);
}

function bothNames(folder) {
  try {
    return [path.resolve(folder), fs.realpathSync(folder)];
  } catch {
    return [path.resolve(folder)];
  }
}

// Returns the path as it was given, or one that names nothing where it lies outside.
function seen(given, shown, isOnTheWay, onHidden) {
  const text = textOf(given);
  if (text === null) return given;
  const place = path.resolve(text);
  if (shown.some((folder) => isIn(folder, place))) return given;
  if (isOnTheWay && shown.some((folder) => isIn(place, folder))) return given;
  // One function of Node's calls another one.
  if (place.startsWith(NOWHERE)) return given;
  onHidden(place);
  return NOWHERE + place;
}

// Descriptors, and what Node itself will refuse, are nobody's path.
function textOf(given) {
  if (typeof given === "string") return given;
  if (Buffer.isBuffer(given) || given instanceof Uint8Array) return Buffer.from(given).toString();
  if (given instanceof URL && given.protocol === "file:") return fileURLToPath(given);
  return null;
}

function isIn(folder, place) {
  const start = folder.endsWith(path.sep) ? folder : folder + path.sep;
  return place === folder || place.startsWith(start);
}

module.exports = { confine };
