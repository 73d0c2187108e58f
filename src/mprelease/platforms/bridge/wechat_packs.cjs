"use strict";

// Uses the folders that the tool has packed from npm packages in an earlier release, and writes
// those of this one: packing parses every file of a package, and few releases change a package.
//
// mprelease decides which packs belong to which packages. The tool removes the folder
// `miniprogram_npm` next to each package.json before it packs; so does this module.
//
// The file is a line of JSON ([[path, size], …], relative to the project) and the content of its files.

const fs = require("node:fs");
const path = require("node:path");
const { inside } = require("./protocol.cjs");

const PACKED = "miniprogram_npm";
const SKIPPED = new Set([PACKED, "node_modules", ".git"]);

/** Put kept packs into a project; return false, and leave none there, if that is not possible. */
function usePacks(folder, file) {
  try {
    const files = parsed(fs.readFileSync(file));
    clear(folder);
    for (const [name, content] of files) {
      const place = inside(folder, name);
      if (!path.relative(folder, place).split(path.sep).includes(PACKED)) return clear(folder);
      fs.mkdirSync(path.dirname(place), { recursive: true });
      fs.writeFileSync(place, content, { flag: "wx" });
    }
    return files.length > 0;
  } catch {
    return clear(folder); // The tool packs, and reports what is wrong.
  }
}

/** Write the packs of a project to a file, if that is possible. */
function writePacks(folder, file) {
  try {
    const names = packedFolders(folder).flatMap((name) => filesOf(folder, name));
    for (const name of names) refuseOthers(folder, name);
    const contents = names.map((name) => fs.readFileSync(path.join(folder, name)));
    const header = JSON.stringify(names.map((name, at) => [name, contents[at].length]));
    fs.writeFileSync(file, Buffer.concat([Buffer.from(`${header}\n`), ...contents]), { flag: "wx" });
  } catch {
    // The next release packs again.
  }
}

function clear(folder) {
  for (const name of packedFolders(folder)) fs.rmSync(path.join(folder, name), { recursive: true });
  return false;
}

// Next to each package.json, but not to those of packages.
function packedFolders(folder, name = "") {
  const entries = fs.readdirSync(path.join(folder, name), { withFileTypes: true });
  const isHere = entries.some((entry) => entry.isFile() && entry.name === "package.json");
  const packed = entries.filter((entry) => isHere && entry.isDirectory() && entry.name === PACKED);
  const others = entries.filter((entry) => entry.isDirectory() && !SKIPPED.has(entry.name));
  return [
    ...packed.map((entry) => path.join(name, entry.name)),
    ...others.flatMap((entry) => packedFolders(folder, path.join(name, entry.name))),
  ];
}

function filesOf(folder, name) {
  const entries = fs.readdirSync(path.join(folder, name), { withFileTypes: true });
  return entries.flatMap((entry) => {
    const place = path.join(name, entry.name);
    if (entry.isDirectory()) return filesOf(folder, place);
    if (!entry.isFile()) throw new Error(`${place} is not a plain file`);
    return [place];
  });
}

// Throws if a pack was made of files outside of packages, which decide nothing of what is kept. The
// tool names the files of a pack in its source map, relative to the package's entry.
function refuseOthers(folder, name) {
  if (path.basename(name) !== "index.js.map") return;
  const source = path.join(folder, path.dirname(name).replaceAll(PACKED, "node_modules"));
  const { main = "index.js", miniprogram = "miniprogram_dist" } = JSON.parse(
    fs.readFileSync(path.join(source, "package.json")),
  );
  if (fs.existsSync(path.join(source, miniprogram))) return; // It was copied as it is.
  const entry = path.join(source, main);
  const isFolder = fs.statSync(entry, { throwIfNoEntry: false })?.isDirectory();
  for (const one of JSON.parse(fs.readFileSync(path.join(folder, name))).sources) {
    const parts = path
      .relative(folder, path.resolve(isFolder ? entry : path.dirname(entry), one))
      .split(path.sep);
    if (parts[0] === ".." || !parts.includes("node_modules")) throw new Error(one);
  }
}

function parsed(content) {
  let at = content.indexOf(10) + 1;
  const files = JSON.parse(content.subarray(0, at).toString()).map(([name, size]) => {
    return [name, content.subarray(at, (at += size))];
  });
  if (at !== content.length) throw new Error("the packs are incomplete");
  return files;
}

module.exports = { usePacks, writePacks };
