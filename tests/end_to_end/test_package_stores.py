"""What a branch puts into the store of a package manager reaches no other branch."""

import json
import os
from pathlib import Path

import pytest

from command_line import APP_ID, CommandLine
from mprelease.simulator.wechat import WeChat
from repositories import commit, make_repository, switch

pytestmark = [
    pytest.mark.slow,
    pytest.mark.light_tool,
    pytest.mark.usefixtures("kept_managers"),
]

# Changes every file that a package manager has put into HOME, and adds to none its name.
POISON = """
const fs = require("fs");
const path = require("path");
let changed = 0;
for (const name of fs.readdirSync(process.env.HOME, { recursive: true })) {
  const file = path.join(process.env.HOME, name);
  try {
    if (!fs.statSync(file).isFile()) continue;
    const times = fs.statSync(file);
    fs.chmodSync(file, 0o644);
    fs.writeFileSync(file, "module.exports = () => 'poisoned'");
    fs.utimesSync(file, times.atime, times.mtime);
    changed += 1;
  } catch {}
}
console.log(`POISONED ${changed > 0}`);
"""
BUILD = """
const fs = require("fs");
fs.cpSync("src", "dist", { recursive: true });
fs.writeFileSync("dist/made.js", `module.exports = ${JSON.stringify(require("is-number")("1"))}`);
"""
FILES = {
    ".gitignore": "node_modules\ndist\n",
    "build.cjs": BUILD,
    "poison.cjs": POISON,
    "src/project.config.json": json.dumps({"compileType": "miniprogram", "appid": APP_ID}),
    "src/app.json": json.dumps({"pages": ["pages/a/a"]}),
    "src/app.js": "App({})",
    "src/pages/a/a.js": "Page({})",
    "src/pages/a/a.wxml": "<view/>",
}


@pytest.mark.parametrize("manager", ["npm", "pnpm@9.15.9", "yarn@1.22.22", "yarn@4.18.1"])
def test_a_poisoned_store_stays_with_the_branch_that_poisoned_it(
    manager: str, cli: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    named = {} if manager == "npm" else {"packageManager": manager}
    package = {**named, "name": "shop", "dependencies": {"is-number": "7.0.0"}}
    files = {**FILES, ".yarnrc.yml": "nodeLinker: node-modules\n"}
    if authorities := os.environ.get("NODE_EXTRA_CA_CERTS"):
        cli.extra["NODE_EXTRA_CA_CERTS"] = authorities  # yarn >= 2 reads no settings of npm
    repository = make_repository(tmp_path / "shop", {**files, "package.json": json.dumps(package)})
    cli.has_app(repository, "--build-command", "node build.cjs", "--output", "dist")
    switch(repository, "feature/evil")
    evil = {**package, "scripts": {"postinstall": "node poison.cjs"}}
    commit(repository, {"package.json": json.dumps(evil)}, "evil")
    switch(repository, "main")

    def made(ref: str) -> bytes:
        cli.must("preview", "shop", "--ref", ref)
        return wechat.received[-1].files["made.js"]

    made("feature/evil")
    assert "POISONED true" in cli.log(1)
    assert b"true" in made("main"), "nothing of the first install of a branch is left"
    made("feature/evil")
    # Another set: what main has downloaded before is used, and is still its own.
    more = {**package, "dependencies": {"is-number": "7.0.0", "is-odd": "3.0.1"}}
    commit(repository, {"package.json": json.dumps(more)}, "one more")
    assert b"true" in made("main")
