// The build of an honest branch, which publishes all that it can see: whatever a former build has
// left behind is in the bytes that the platform gets.
"use strict";
const crypto = require("node:crypto");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const seen = {};
function look(folder, label, only = () => true) {
  let entries = [];
  try {
    entries = fs.readdirSync(folder, { withFileTypes: true });
  } catch {}
  for (const entry of entries.sort((one, other) => (one.name < other.name ? -1 : 1))) {
    const file = path.join(folder, entry.name);
    if (!only(file)) continue;
    if (entry.isDirectory()) look(file, `${label}/${entry.name}`, only);
    else if (entry.isFile()) {
      const { mode } = fs.statSync(file);
      const hash = crypto.createHash("sha256").update(fs.readFileSync(file)).digest("hex");
      seen[`${label}/${entry.name}`] = `${(mode & 0o7111).toString(8)} ${hash.slice(0, 16)}`;
    } else seen[`${label}/${entry.name}`] = "other";
  }
}

look(process.cwd(), "tree", (file) => ![".git", "dist"].includes(path.basename(file)));
// npm's own log of the build has the time in its name.
look(os.homedir(), "home", (file) => path.basename(file) !== "_logs");
look(os.tmpdir(), "temporary", (file) => !/node-compile-cache/.test(file));
for (const place of ["/tmp", "/var/tmp", "/dev/shm"]) look(place, place, (file) => /planted/.test(file));
const content = JSON.stringify(
  { seen, global: globalThis.PLANTED ?? null, options: process.env.NODE_OPTIONS },
  null,
  1,
);
fs.mkdirSync("dist/pages/a", { recursive: true });
for (const name of ["app.json", "app.js", "pages/a/a.js", "pages/a/a.wxml"]) {
  fs.copyFileSync(path.join("src", name), path.join("dist", name));
}
fs.writeFileSync("dist/inventory.js", `module.exports = ${content}\n`);
fs.appendFileSync("dist/app.js", "\nrequire('./inventory.js')\n");
// What a bundler keeps for its next build.
fs.writeFileSync("node_modules/.cache/built", "by a bundler");
