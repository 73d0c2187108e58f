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

// Stands before a path that is not shown, in the tool's own message about it. Nothing is found
// there (ENOENT), and nobody, root either, can make something there.
const NOWHERE = "/proc/mprelease: not in the project";
// The same for those who make folders: on their way through /proc Node would go round in a circle.
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
const LINK = "symlink"; // its target is no path of ours before it is followed
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
  replace(LINK, 2);
  syncBuiltinESMExports();

  function replace(name, paths) {
    const kind = { paths, isLink: name === LINK };
    const nowhere = MAKE_FOLDERS.has(name) ? NO_FOLDER : NOWHERE;
    const known = (given, base) => {
      const place = placeOf(given, base);
      if (place === null) return given;
      if (!isSeen(place, shown, ON_THE_WAY.has(name))) {
        // Folders above are looked through by tools of their own accord.
        if (!shown.some((folder) => isIn(place, folder))) onHidden(place);
        return nowhere + place;
      }
      // What we have looked at, for behind a link ".." would lead elsewhere.
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
  const asked = function asked(...given) {
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
    // A promisified function is its own.
    if (other) properties[key].value = other === call ? asked : around(other, known, { paths, isLink });
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

function folderOf(link) {
  return path.dirname(placeOf(link) ?? "");
}

function isSeen(place, shown, isOnTheWay) {
  // The last two: one function of Node's calls another one.
  return (
    shown.some((folder) => isIn(folder, place) || (isOnTheWay && isIn(place, folder))) ||
    place.startsWith(NOWHERE) ||
    place.startsWith(NO_FOLDER)
  );
}

// Descriptors, and what Node itself will refuse, are nobody's path.
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
