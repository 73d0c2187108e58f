import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const BRIDGE = fileURLToPath(new URL("../../src/mprelease/platforms/bridge/", import.meta.url));
const require = createRequire(import.meta.url);
const { codeOf, inside, isIn, textOf } = require(path.join(BRIDGE, "protocol.cjs"));
const { isInAny, ruleFor } = require(path.join(BRIDGE, "module_rule.cjs"));

let folder;
before(() => (folder = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), "bridge-"))));
after(() => fs.rmSync(folder, { recursive: true }));

/** Runs code in a process that has the protocol at hand; returns its exit code and its events. */
function run(code, input = "") {
  const script = `const p = require(${JSON.stringify(path.join(BRIDGE, "protocol.cjs"))}); ${code}`;
  const { output, status } = spawnSync(process.execPath, ["-e", script], {
    input,
    stdio: ["pipe", "pipe", "pipe", "pipe"],
    encoding: "utf8",
  });
  return {
    status,
    events: output[3]
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  };
}

const refusal = (code) => `try { ${code} } catch (error) { p.fail(error, {}) }`;

test("an order is read up to its line's end, and what is sent waits for go", () => {
  const later = Date.now() + 60_000;
  const { events } = run(
    "p.progress(p.readOrder().name); p.awaitGo(); p.emit('sent')",
    `{"name":"中"}\ngo ${later}\n`,
  );
  assert.deepEqual(events, [{ event: "progress", text: "中" }, { event: "ready" }, { event: "sent" }]);
});

test("nothing is sent too late, or without a word", () => {
  const late = run(refusal("p.awaitGo(); p.emit('sent')"), `go ${Date.now() - 1}\n`);
  const silent = run(refusal("p.awaitGo(); p.emit('sent')"), "");
  const codes = ({ events }) => events.map(({ event, code }) => code ?? event);
  assert.deepEqual(
    [codes(late), codes(silent)],
    [
      ["ready", "LATE"],
      ["ready", "ABORTED"],
    ],
  );
});

test("an event is one line that the reader does not cut, however long its texts are", () => {
  const { events } = run(
    "p.emit('error', { message: 'x'.repeat(20000) }); p.emit('error', { all: Array(30).fill('中'.repeat(9000)) })",
  );
  assert.equal(events[0].message.length, 8000);
  assert.deepEqual(new Set(events[1].all.map((text) => text.length)), new Set([1000]));
});

test("codes are told as whole numbers or texts, and never as something else", () => {
  assert.deepEqual([1, "E", null, undefined, 1.5, { a: 1 }].map(codeOf), [
    1,
    "E",
    null,
    null,
    "1.5",
    "[object Object]",
  ]);
  assert.deepEqual([0, "", null].map(textOf), ["0", "", null]);
});

test("a folder is in itself, and a folder whose name begins alike is not", () => {
  assert.equal(isIn("/a/b", "/a/b"), true);
  assert.equal(isIn("/a/b", "/a/b/c"), true);
  assert.equal(isIn("/a/b", "/a/bc"), false);
  assert.equal(isIn("/", "/a"), true);
});

test("a path that the project names stays inside, whatever links are on its way", () => {
  const project = path.join(folder, "project");
  fs.mkdirSync(path.join(project, "pages"), { recursive: true });
  fs.symlinkSync(folder, path.join(project, "out"));
  fs.symlinkSync(path.join(folder, "nowhere"), path.join(project, "dangling"));
  assert.equal(inside(project, "pages/../pages/new/x.json"), path.join(project, "pages/new/x.json"));
  for (const named of ["..", "../project2", "/etc/passwd", "out/x", "out/project/../x"]) {
    assert.throws(() => inside(project, named), { code: "OUTSIDE", message: named });
  }
  assert.throws(() => inside(project, "dangling/x"));
});

test("code may be loaded from home folders alone, and data from anywhere", () => {
  const mayLoad = ruleFor(["/tool/"]);
  const address = (file) => pathToFileURL(file).href;
  for (const url of ["node:fs", "fs", "fs/promises", address("/tool/a.js"), address("/project/a.json")])
    mayLoad(url);
  for (const url of [
    address("/project/a.js"),
    address("/tool/../project/a.js"),
    "data:text/javascript,1",
    "https://a/b.js",
  ]) {
    assert.throws(() => mayLoad(url), /code of the project may not run/);
  }
  assert.equal(isInAny(["/tool/"], "/tool2/a.js"), false);
});
