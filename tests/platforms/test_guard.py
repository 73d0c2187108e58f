"""No loader of Node runs code of the project in the process that publishes."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mprelease.platforms.tools import BRIDGES

RAN = "globalThis.ran = true;"
FILES: Mapping[str, str] = {
    "a.js": RAN,
    "b.cjs": RAN,
    "c.mjs": RAN,
    "d.ts": RAN,
    "e.mts": RAN,
    "f.cts": RAN,
    "g.txt": RAN,
    "h.js": f"import 'node:fs'; {RAN}",
    "i/package.json": '{"main":"m.js","type":"module"}',
    "i/m.js": RAN,
    "j.node": RAN,
    "k.wasm": "\0asm\1\0\0\0",
}
# Tells each way in which code of the project was loaded, and each file outside that could be read.
PROBE = """
const fs = require("fs"), Module = require("module"), path = require("path");
const { promisify } = require("util"), { Worker } = require("worker_threads");
const [scratch, secret, ...files] = process.argv.slice(2);
const came = [];
async function attempt(name, way) {
  try { await way(); came.push(name); } catch {}
  if (globalThis.ran) came.push(`${name} ran`);
  delete globalThis.ran;
}
const ended = (worker) => new Promise((done, failed) => {
  worker.on("error", failed).on("exit", (code) => (code ? failed(code) : done()));
});
(async () => {
  for (const name of files) {
    const file = path.join(scratch, name);
    await attempt(`require ${name}`, () => require(file));
    await attempt(`createRequire ${name}`, () => Module.createRequire(scratch + "/x")("./" + name));
    await attempt(`import ${name}`, () => import(file));
    await attempt(`import ${name} by address`, () => import(`file://${file}?a=1#b`));
    await attempt(`dlopen ${name}`, () => process.dlopen({ exports: {} }, file));
    await attempt(`worker ${name}`, () => ended(new Worker(file)));
  }
  await attempt("import data", () => import("data:text/javascript,globalThis.ran = 1"));
  await attempt("import http", () => import("http://127.0.0.1:9/x.mjs"));
  await attempt("compile", () => new Module("x")._compile("ran = 1", scratch + "/x.js"));
  const up = "/..".repeat(20);
  const deep = `${scratch}/deep/deep/deep/deep/deep/deep/link`;
  fs.mkdirSync(path.dirname(deep), { recursive: true });
  fs.symlinkSync("../../../../../..", deep);
  if (fs.realpathSync(deep) !== fs.realpathSync(scratch)) came.push("another link");
  const ways = [secret, `/proc/self/root${secret}`, `/proc/self/cwd/${secret}`];
  await attempt("read behind a link", () => fs.readFileSync(`${deep}/../secret`));
  await attempt("link", () => {
    fs.symlinkSync(secret, `${scratch}/own`);
    fs.readFileSync(`${scratch}/own`);
  });
  for (const file of [...ways, `${scratch}${up}${secret}`]) {
    await attempt(`read ${file}`, () => fs.readFileSync(file));
    await attempt(`read a buffer ${file}`, () => fs.readFileSync(Buffer.from(file)));
    await attempt(`read an address ${file}`, () => fs.readFileSync(new URL(`file://${file}`)));
    await attempt(`promised ${file}`, () => fs.promises.readFile(file));
    await attempt(`promisified ${file}`, () => promisify(fs.readFile)(file));
    await attempt(`copied ${file}`, () => fs.copyFileSync(file, scratch + "/copy"));
    await attempt(`linked ${file}`, () => fs.linkSync(file, scratch + "/link"));
    await attempt(`imported ${file}`, async () => (await import("node:fs")).readFileSync(file));
    await attempt(`streamed ${file}`, async () => {
      for await (const part of fs.createReadStream(file)) came.push(String(part));
    });
    await attempt(`written ${file}`, () => fs.writeFileSync(file + ".new", ""));
    await attempt(`made ${file}`, () => fs.mkdirSync(file + ".d/e", { recursive: true }));
    if (fs.existsSync(file) || (await promisify(fs.exists)(file))) came.push(`exists ${file}`);
  }
  const imported = (await import("./own.mjs")).default;
  const own = [require("./own.json").own, imported, require("./own.cjs")];
  const real = [fs.realpathSync(scratch), fs.realpathSync.native(scratch)];
  const data = require(path.join(scratch, "i/package.json")).main;
  console.log(JSON.stringify({ came, own, real, data }));
})();
"""


@pytest.fixture
def tool(tmp_path: Path) -> Path:
    folder = tmp_path / "tool"
    folder.mkdir()
    (folder / "probe.cjs").write_text(PROBE)
    (folder / "own.json").write_text('{"own":1}')
    (folder / "own.mjs").write_text("export default 2")
    (folder / "own.cjs").write_text("module.exports = 3")
    return folder


def probed(node: str, tool: Path) -> Mapping[str, object]:
    scratch = tool.parent / "scratch"
    for name, text in FILES.items():
        (scratch / name).parent.mkdir(parents=True, exist_ok=True)
        (scratch / name).write_text(text)
    (tool.parent / "secret").write_text("secret")
    files = [name for name in FILES if name != "i/package.json"]
    ended = subprocess.run(
        [
            *(node, "--require", BRIDGES / "guard.cjs", tool / "probe.cjs"),
            *(scratch, tool.parent / "secret", "i", *files),
        ],
        env={"MPRELEASE_TOOL": str(tool), "HOME": str(scratch), "PATH": os.defpath},
        cwd=scratch,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return {**answer, "real": set(answer["real"]) == {str(scratch)}}


HARMLESS = {"came": [], "own": [1, 2, 3], "real": True, "data": "m.js"}


def test_this_machines_node_runs_no_code_of_the_project(tool: Path) -> None:
    node = shutil.which("node")
    assert node
    assert probed(node, tool) == HARMLESS


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("version", ["20", "22", "24"])
def test_no_supported_node_runs_code_of_the_project(
    tool: Path, tools_folder: Path, version: str
) -> None:
    place = tools_folder / f"node-{version}"
    if not place.is_dir():
        subprocess.run(
            ["npm", "install", "--prefix", place, "--no-audit", "--no-fund", f"node@{version}"],
            capture_output=True,
            check=True,
            timeout=240,
        )
    node = place / "node_modules" / "node" / "bin" / "node"
    assert probed(str(node), tool) == HARMLESS
