"""Caches of bundlers: one build in twenty is compared with one that has none."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from command_line import APP_ID, CommandLine
from mprelease.pipeline.build_dependencies import COMPARED_EVERY
from mprelease.simulator.wechat import WeChat
from repositories import commit, make_repository

pytestmark = [pytest.mark.slow, pytest.mark.light_tool]

# A bundler that keeps the greeting in its cache, and looks at the source again only if it is told.
BUNDLER = """
const fs = require("fs");
const kept = "node_modules/.cache/greeting";
const source = fs.readFileSync("src/app.js", "utf8");
const isRight = fs.existsSync("right");
const known = fs.existsSync(kept) && !isRight ? fs.readFileSync(kept, "utf8") : source;
fs.mkdirSync("node_modules/.cache", { recursive: true });
fs.writeFileSync(kept, known);
fs.cpSync("src", "dist", { recursive: true });
fs.writeFileSync("dist/app.js", known);
fs.writeFileSync("dist/time.js", `module.exports = ${process.hrtime.bigint()}`);
"""
FILES = {
    ".gitignore": "dist\nnode_modules\n",
    "package.json": json.dumps({"name": "shop", "dependencies": {"tool": "file:tool"}}),
    "tool/package.json": json.dumps({"name": "tool", "version": "1.0.0"}),
    "build.cjs": BUNDLER,
    "src/project.config.json": json.dumps({"compileType": "miniprogram", "appid": APP_ID}),
    "src/app.json": json.dumps({"pages": ["pages/a/a"]}),
    "src/app.js": "App({})",
    "src/pages/a/a.js": "Page({})",
    "src/pages/a/a.wxml": "<view/>",
}


class Shop:
    def __init__(self, cli: CommandLine, wechat: WeChat, folder: Path) -> None:
        self.cli, self._wechat = cli, wechat
        self.repository = make_repository(folder, FILES)
        cli.has_app(self.repository, "--build-command", "node build.cjs", "--output", "dist")

    def sent_after(self, changes: Mapping[str, str]) -> tuple[str, Any]:
        """Release a new commit; return the app's script as it arrived, and the release."""
        commit(self.repository, changes)
        release = self.cli.must("preview", "shop", "--json").json
        return self._wechat.received[-1].files["app.js"].decode(), release

    def come_to_the_comparison(self) -> None:
        [note] = self.cli.data.glob("caches/*/*/builds")
        note.write_text(str(COMPARED_EVERY - 1))

    def cache_setting(self) -> str:
        return str(self.cli.must("app", "show", "shop", "--json").json["build"]["bundler_cache"])


@pytest.fixture
def shop(cli: CommandLine, wechat: WeChat, tmp_path: Path) -> Shop:
    return Shop(cli, wechat, tmp_path / "shop")


def test_a_cache_that_changes_the_output_is_switched_off_and_not_published(shop: Shop) -> None:
    shop.sent_after({"src/app.js": "App({ first: true })"})
    stale, _ = shop.sent_after({"src/app.js": "App({ second: true })"})
    assert "first" in stale, "the bundler has a fault"
    shop.come_to_the_comparison()
    right, release = shop.sent_after({"src/app.js": "App({ third: true })"})
    assert "third" in right
    [warning] = [one for one in release["warnings"] if "cache" in one]
    assert "1 files were different (app.js)" in warning
    assert shop.cache_setting() == "off"
    assert "fourth" in shop.sent_after({"src/app.js": "App({ fourth: true })"})[0]
    with closing(sqlite3.connect(shop.cli.data / "mprelease.db")) as db:
        [entry] = db.execute("select details from audit where who = 'mprelease'").fetchall()
    assert json.loads(entry[0]) == {"bundler_cache": "off", "release": 3}


def test_a_cache_that_changes_nothing_but_the_time_stays(shop: Shop) -> None:
    shop.sent_after({"right": ""})
    shop.sent_after({"src/app.js": "App({ second: true })"})
    shop.come_to_the_comparison()
    right, release = shop.sent_after({"src/app.js": "App({ third: true })"})
    assert "third" in right
    assert not [one for one in release["warnings"] if "cache" in one]
    assert "Both builds are the same." in shop.cli.log(3)
    assert shop.cache_setting() == "project"
    shop.sent_after({"src/app.js": "App({ fourth: true })"})
    assert "compare" not in shop.cli.log(4), "it is compared once in a while"


def test_with_the_cache_off_each_build_starts_without(shop: Shop) -> None:
    shop.cli.must("app", "edit", "shop", "--bundler-cache", "off")
    shop.sent_after({"src/app.js": "App({ first: true })"})
    assert "second" in shop.sent_after({"src/app.js": "App({ second: true })"})[0]
