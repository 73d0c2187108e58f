// What a build can do, tried: prints one line for each row of the table in docs/security.md.
// Arguments: a file of facts as JSON (paths and process ids that only the test knows).
"use strict";
const fs = require("node:fs");
const net = require("node:net");
const path = require("node:path");
const facts = JSON.parse(Buffer.from(process.argv[2], "base64").toString());

function can(work) {
  try {
    return work() !== false;
  } catch {
    return false;
  }
}

function reads(file) {
  return can(() => fs.readFileSync(file));
}

// Whatever lies below a folder and can be read, or a name that can be guessed.
function readsBelow(folder) {
  if (reads(folder)) return true;
  return can(() => fs.readdirSync(folder).some((name) => readsBelow(path.join(folder, name))));
}

function writes(file) {
  return can(() => {
    fs.closeSync(fs.openSync(file, "a"));
  });
}

function status(name) {
  const lines = fs.readFileSync("/proc/self/status", "utf8").split("\n");
  return lines.find((line) => line.startsWith(`${name}:`)).split(/\s+/)[1];
}

function changes(folder) {
  const attempts = [
    () => fs.writeFileSync(path.join(folder, "planted"), ""),
    () => fs.renameSync(folder, `${folder}-moved`),
    () => fs.rmSync(folder, { recursive: true }),
    () => fs.readdirSync(folder, { recursive: true }).some((name) => writes(path.join(folder, name))),
  ];
  return attempts.some(can);
}

const others = fs
  .readdirSync("/proc")
  .filter((name) => /^\d+$/.test(name) && facts.pids.includes(Number(name)));
const rows = {
  "own-user": process.getuid() !== facts.uid,
  capabilities: /[^0]/.test(["CapInh", "CapPrm", "CapEff", "CapAmb"].map(status).join("")),
  "gain-rights": status("NoNewPrivs") !== "1",
  "kernel-settings": [
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/vm/swappiness",
    "/sys/kernel/mm/ksm/run",
  ].some(writes),
  "system-files": ["/usr/bin/planted", "/etc/planted", "/etc/passwd", "/bin/planted"].some(writes),
  "master-key": reads(path.join(facts.data, "master.key")),
  database: reads(path.join(facts.data, "mprelease.db")),
  configuration: reads(facts.configuration),
  mirrors: readsBelow(path.join(facts.data, "mirrors")) || facts.mirrors.some(readsBelow),
  "other-projects": facts.otherTrees.some(readsBelow),
  "private-files": reads(facts.privateFile),
  "public-files": reads(facts.publicFile),
  processes: others.length > 0,
  environments: facts.pids.some((pid) => reads(`/proc/${pid}/environ`) || reads(`/proc/${pid}/mem`)),
  signals: facts.pids.some((pid) => can(() => process.kill(pid, 0))),
  dependencies: changes("node_modules/is-number"),
  "git-objects": changes(".git/objects/pack"),
};

const socket = net.connect(facts.port, "127.0.0.1");
socket.on("connect", () => end(true));
socket.on("error", () => end(false));
function end(network) {
  for (const [name, yes] of Object.entries({ ...rows, network })) {
    console.log(`PROBE ${name} ${yes ? "yes" : "no"}`);
  }
  process.exit(0);
}
