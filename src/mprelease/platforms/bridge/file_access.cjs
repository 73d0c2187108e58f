"use strict";

// Restricts fs to the files that the publishing process needs: its scratch folder, the vendor's
// tool, the bridges, and Node. Other files that a project refers to (`@import` and `data-uri` of
// Less, "miniprogram" of a package.json, the URL of a source map ...) do not exist for the tool.
//
// The sandbox confines the process by user id and mounts; this restriction also works without it,
// and makes error messages name the reason. It compares paths without resolving links: no link in
// what is published leads outside (pipeline/staging.py), and the tools create none.

const fs = require("node:fs");
const { syncBuiltinESMExports } = require("node:module");
const path = require("node:path");
const { fileURLToPath } = require("node:url");
const { promisify } = require("node:util");

// Prefix of hidden paths, visible in the tool's error messages. Nothing exists there (ENOENT), and
// no user, not even root, can create files there.
const NOWHERE = "/proc/mprelease: not in the project";
// The same for functions that create folders recursively: below /proc Node would loop for ever.
const NO_FOLDER = "/dev/null/mprelease: not in the project";
const MAKE_FOLDERS = new Set(["mkdir", "cp"]);

// biome-ignore format: a list of names
const ONE_PATH = [
  "access", "appendFile", "chmod", "chown", "createReadStream", "createWriteStream", "exists",
  "lchmod", "lchown", "lstat", "lutimes", "mkdir", "mkdtemp", "mkdtempDisposable", "open",
  "openAsBlob", "opendir", "readFile", "readdir", "readlink", "realpath", "rm", "rmdir", "stat",
  "statfs", "truncate", "unlink", "unwatchFile", "utimes", "watch", "watchFile", "writeFile",
];
const TWO_PATHS = ["copyFile", "cp", "link", "rename"];
const LINK = "symlink"; // its target is relative to the link, not to the working directory
// Functions allowed on parent folders of shown ones, for code that walks down or creates a path.
const ON_THE_WAY = new Set(["access", "exists", "lstat", "mkdir", "readlink", "realpath", "stat"]);
// System files that tools read.
const SYSTEM = ["/dev/null", "/proc/cpuinfo", "/proc/meminfo", "/proc/version"];

/** Hide all files outside of some folders; `onHidden` is called with each hidden path in use. */
function confine(folders, onHidden) {
  const shown = [...new Set([...folders.flatMap(bothNames), ...SYSTEM])];
  // These walk folders natively, past the replaced functions; libraries have fallbacks for them.
  for (const owner of [fs, fs.promises]) for (const name of ["glob", "globSync"]) delete owner[name];
  for (const name of ONE_PATH) replace(name, 1);
  for (const name of TWO_PATHS) replace(name, 2);
  replace(LINK, 2);
  syncBuiltinESMExports();

  function replace(name, paths) {
    const kind = { paths, isLink: name === LINK };
    const nowhere = MAKE_FOLDERS.has(name) ? NO_FOLDER : NOWHERE;
    const known = (given, base) => {
      const place = placeOf(given, base);
      if (place === null) return given;
      if (!isSeen(place, shown, ON_THE_WAY.has(name))) {
        // Tools access parent folders on their own, not because of the project.
        if (!shown.some((folder) => isIn(place, folder))) onHidden(place);
        return nowhere + place;
      }
      // Pass the checked path: behind a link, ".." would lead elsewhere.
      return base === undefined && String(given).includes("..") ? place : given;
    };
    for (const [owner, key] of [
      [fs, name],
      [fs, `${name}Sync`],
      [fs.promises, name],
    ]) {
      if (typeof owner[key] === "function") owner[key] = around(owner[key], known, kind);
    }
  }
}

function around(call, known, { paths, isLink }) {
  const checked = function checked(...given) {
    for (let index = 0; index < Math.min(paths, given.length); index += 1) {
      const isTarget = isLink && index === 0;
      given[index] = known(given[index], isTarget ? folderOf(given[1]) : undefined);
    }
    return call.apply(this, given);
  };
  const properties = Object.getOwnPropertyDescriptors(call);
  delete properties.prototype;
  for (const key of ["native", promisify.custom]) {
    const other = call[key];
    // A promisified function refers to itself.
    if (other) properties[key].value = other === call ? checked : around(other, known, { paths, isLink });
  }
  return Object.defineProperties(checked, properties);
}

function bothNames(folder) {
  try {
    return [path.resolve(folder), fs.realpathSync(folder)];
  } catch {
    return [path.resolve(folder)];
  }
}

function folderOf(link) {
  return path.dirname(placeOf(link) ?? "");
}

function isSeen(place, shown, isOnTheWay) {
  // Paths with a prefix are already replaced: functions of Node call each other.
  return (
    shown.some((folder) => isIn(folder, place) || (isOnTheWay && isIn(place, folder))) ||
    place.startsWith(NOWHERE) ||
    place.startsWith(NO_FOLDER)
  );
}

// Returns null for descriptors, and for values that Node itself refuses.
function placeOf(given, base = "") {
  if (typeof given === "string") return path.resolve(base, given);
  if (given instanceof Uint8Array) return path.resolve(base, Buffer.from(given).toString());
  if (given instanceof URL && given.protocol === "file:") return fileURLToPath(given);
  return null;
}

function isIn(folder, place) {
  const start = folder.endsWith(path.sep) ? folder : folder + path.sep;
  return place === folder || place.startsWith(start);
}

module.exports = { confine };
