"""Apps that are built with other versions of Node than the machine's: issue 14, 5."""

import json
import os
from datetime import datetime
from pathlib import Path

import pytest

from command_line import APP_ID, CommandLine
from mprelease.simulator.wechat import WeChat
from repositories import Files, make_repository
from sandbox_modes import MODES, give_folder, in_mode

pytestmark = [
    pytest.mark.slow,
    pytest.mark.light_tool,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root has all modes"),
]

OTHER_ID = "wxfedcba9876543210"
BUILD = """
const fs = require("fs");
fs.mkdirSync("dist/pages/a", { recursive: true });
fs.writeFileSync("dist/app.json", JSON.stringify({ pages: ["pages/a/a"] }));
fs.writeFileSync("dist/pages/a/a.js", "Page({})");
fs.writeFileSync("dist/pages/a/a.wxml", "<view/>");
fs.writeFileSync("dist/project.config.json", JSON.stringify({ appid: "APP" }));
let sealed = false;
try {
  fs.writeFileSync(`${process.execPath}.mine`, "");
} catch {
  sealed = true;
}
const done = (error, stats) => {
  if (error || stats.hasErrors()) throw error || new Error(stats.toString());
  fs.appendFileSync("dist/app.js", `\\nApp({ node: "${process.version}", sealed: ${sealed} })`);
};
""".replace("APP", APP_ID)
# As webpack 4 does for each module.
MD4 = 'require("crypto").createHash("md4");\ndone(null, { hasErrors: () => false });\n'
WEBPACK = """
const output = { path: require("path").resolve("dist"), filename: "app.js" };
require("webpack")({ mode: "production", entry: "./app.js", output }, done);
"""


def files_of(folder: str, build: str, node: str, **package: object) -> Files:
    return {
        f"{folder}/.nvmrc": node,
        f"{folder}/package.json": json.dumps({"name": folder, "version": "1.0.0", **package}),
        f"{folder}/build.js": BUILD + build,
        f"{folder}/app.js": "console.log('webpack was here')",
    }


# npm 6 takes its time for 374 packages.
@pytest.mark.timeout(900)
def test_webpack_4_is_built_with_node_14_beside_an_app_with_node_22(
    cli: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    old = files_of("old", WEBPACK, "14", dependencies={"webpack": "4.46.0"})
    new = files_of("new", MD4.replace("md4", "sha256"), "lts/jod")
    options = ("--build-command", "node build.js", "--output", "dist")
    repository = make_repository(tmp_path / "web", {**old, **new})
    cli.has_app(repository, *options, "--directory", "old")
    cli.must(
        *("app", "add", "other", "--project", "web", "--app-id", OTHER_ID, "--directory", "new"),
        *("--credential-file", str(cli.folder / "private.key"), *options),
    )
    wechat.register(OTHER_ID, cli.key)
    made = cli.must("preview", "--project", "web", "--json", seconds=800).json
    versions = {one["app"]: one["node_version"].split(".")[0] for one in made}
    assert versions == {"shop": "14", "other": "22"}
    sent = {one.app_id: one.files["app.js"].decode() for one in wechat.received}
    assert "webpack was here" in sent[APP_ID]
    assert all("sealed: true" in code for code in sent.values())
    assert 'node: "v14.' in sent[APP_ID]
    assert 'node: "v22.' in sent[OTHER_ID]
    assert "with npm 6." in cli.log(made[0]["id"])
    begun = [datetime.fromisoformat(one["started_at"]) for one in made]
    ended = [datetime.fromisoformat(one["ended_at"]) for one in made]
    assert max(begun) < min(ended)


@pytest.mark.parametrize("mode", MODES)
def test_one_command_builds_an_old_webpack_with_node_16_in_each_mode(
    mode: str, cli: CommandLine, wechat: WeChat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"build.js": BUILD + MD4, "package.json": json.dumps({"name": "a"})}
    repository = make_repository(tmp_path / "old", files)
    working = in_mode(cli, mode, monkeypatch)
    give_folder(working)
    working.has_app(repository, "--build-command", "node build.js", "--output", "dist")
    failed = working.run("preview", "shop", "--json")
    assert failed.json["error"]["problem"] == "old_webpack_new_node"
    assert "mprelease again" in failed.json["error"]["remedy"]
    again = working.must("again", "1", "--node", "16", "--json").json
    assert again["node_version"].startswith("16.")
    assert again["ref"] == failed.json["commit"]["id"]
    code = wechat.received[0].files["app.js"].decode()
    assert 'node: "v16.' in code
    assert "sealed: true" in code
    assert working.must("app", "show", "shop", "--json").json["build"]["node"] == "16"
