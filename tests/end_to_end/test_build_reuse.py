"""What was built once is published again: the same commit, settings, environment and branch."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from command_line import APP_ID, CommandLine
from mprelease.simulator.wechat import WeChat
from repositories import commit, git, make_repository

pytestmark = [pytest.mark.slow, pytest.mark.light_tool]

# Writes what may not be in the output of another build: a number that is never the same.
BUILD = """
const fs = require("fs");
fs.cpSync("src", "dist", { recursive: true });
const facts = { once: process.hrtime.bigint().toString(), env: process.env.MPRELEASE_ENVIRONMENT };
fs.writeFileSync("dist/made.js", `module.exports = ${JSON.stringify(facts)}`);
"""
FILES = {
    ".gitignore": "dist\n",
    "build.cjs": BUILD,
    "src/project.config.json": json.dumps({"compileType": "miniprogram", "appid": APP_ID}),
    "src/app.json": json.dumps({"pages": ["pages/a/a"]}),
    "src/app.js": "App({})",
    "src/pages/a/a.js": "Page({})",
    "src/pages/a/a.wxml": "<view/>",
}


class Shop:
    """An app whose every build is different, and what its releases have sent."""

    def __init__(self, cli: CommandLine, wechat: WeChat, folder: Path) -> None:
        self.cli, self._wechat = cli, wechat
        self.last: Any = None
        self.repository = make_repository(folder, FILES)
        cli.has_app(self.repository, "--build-command", "node build.cjs", "--output", "dist")

    def commit(self, **files: str) -> None:
        commit(self.repository, files)

    def sent(self, *arguments: str) -> Mapping[str, bytes]:
        """Release, and return by name the files that have arrived."""
        self.last = self.cli.must(*arguments, "--json").json
        return dict(self._wechat.received[-1].files)

    def artifacts(self) -> list[Path]:
        found = self.cli.data.glob("artifacts/*/*-*")
        return sorted(folder for folder in found if folder.is_dir())


@pytest.fixture
def shop(cli: CommandLine, wechat: WeChat, tmp_path: Path) -> Shop:
    return Shop(cli, wechat, tmp_path / "shop")


def cached(release: Any) -> list[str]:
    return [stage["name"] for stage in release["stages"] if stage["cached"]]


def test_an_upload_after_a_preview_sends_what_was_previewed(shop: Shop) -> None:
    previewed = shop.sent("preview", "shop")
    assert cached(shop.last) == []
    assert shop.sent("upload", "shop") == previewed
    assert cached(shop.last) == ["checkout", "install", "build"]
    assert "built before by release #1" in shop.cli.log(2)


def test_a_fresh_code_is_of_the_code_that_was_built(shop: Shop) -> None:
    previewed = shop.sent("preview", "shop")
    shop.commit(**{"src/app.js": "App({ newer: true })"})
    shop.cli.must("app", "edit", "shop", "--build-command", "node build.cjs && true")
    assert shop.sent("again", "1") == previewed
    assert shop.sent("preview", "shop") != previewed


def of_other_commit(shop: Shop) -> None:
    shop.commit(**{"src/app.js": "App({ newer: true })"})


def of_other_command(shop: Shop) -> None:
    shop.cli.must("app", "edit", "shop", "--build-command", "node ./build.cjs")


def of_other_heap(shop: Shop) -> None:
    shop.cli.must("app", "edit", "shop", "--node-memory", "1024")


def of_variables(shop: Shop) -> None:
    shop.cli.extra |= {"MPRELEASE_BUILD_ENV": "SHOP_HOST", "SHOP_HOST": "shop.example.com"}


def of_private_settings(shop: Shop) -> None:
    file = shop.cli.folder / "npmrc"
    file.write_text("//registry.invalid/:_authToken=t0ken-of-the-shop\n")
    shop.cli.must("project", "edit", "web", "--npmrc-file", str(file))


def of_other_branch(shop: Shop) -> None:
    git(shop.repository, "branch", "topic")


CHANGES: Mapping[str, tuple[Callable[[Shop], None], tuple[str, ...]]] = {
    "commit": (of_other_commit, ()),
    "command": (of_other_command, ()),
    "heap": (of_other_heap, ()),
    "variables": (of_variables, ()),
    "npmrc": (of_private_settings, ()),
    "environment": (lambda _: None, ("--environment", "development")),
    "branch": (of_other_branch, ("--ref", "topic")),
    "told": (lambda _: None, ("--build-anew",)),
}


def test_whatever_can_change_the_output_makes_another_build(shop: Shop) -> None:
    shop.cli.must("app", "edit", "shop", "--dev-build-command", "node build.cjs")
    made = {shop.sent("preview", "shop")["made.js"]}
    for number, (change, (happen, options)) in enumerate(CHANGES.items(), start=1):
        happen(shop)
        made.add(shop.sent("preview", "shop", *options)["made.js"])
        assert len(made) == number + 1, change
        assert "build" not in cached(shop.last), change


def test_a_build_that_was_made_anew_is_the_one_that_is_used_from_then_on(shop: Shop) -> None:
    shop.sent("preview", "shop")
    anew = shop.sent("preview", "shop", "--build-anew")
    assert shop.sent("preview", "shop") == anew
    assert shop.sent("again", "3", "--build-anew") != anew


def test_an_app_that_always_builds_reuses_only_what_a_fresh_code_is_of(shop: Shop) -> None:
    shop.cli.must("app", "edit", "shop", "--always-build")
    first = shop.sent("preview", "shop")
    second = shop.sent("preview", "shop")
    assert first["made.js"] != second["made.js"]
    assert shop.sent("again", "1") == first
    shop.cli.must("app", "edit", "shop", "--reuse-builds")
    assert shop.sent("preview", "shop") == shop.sent("preview", "shop")


def test_kind_and_version_count_only_where_a_file_names_them(shop: Shop) -> None:
    text = BUILD.replace("env:", "version: process.env.MPRELEASE_VERSION, env:")
    shop.commit(**{"build.cjs": text})
    previewed = shop.sent("preview", "shop")
    first = shop.sent("upload", "shop", "--version", "1.2.3")
    assert first["made.js"] != previewed["made.js"]
    assert b"1.2.3" in first["made.js"]
    assert b"1.2.4" in shop.sent("upload", "shop", "--version", "1.2.4")["made.js"]
    assert shop.sent("preview", "shop") == previewed


def test_the_settings_of_the_vendors_tool_do_not_build_again(shop: Shop) -> None:
    previewed = shop.sent("preview", "shop")
    assert shop.sent("preview", "shop", "--setting", "minify=false") == previewed
    assert "build" in cached(shop.last)


@pytest.mark.parametrize("harm", ["content", "note", "gone"])
def test_a_damaged_artifact_is_dropped_and_made_anew(shop: Shop, harm: str) -> None:
    shop.sent("preview", "shop")
    [artifact] = shop.artifacts()
    if harm == "content":
        (artifact / "content/app.js").write_text("App({ damaged: true })")
    elif harm == "note":
        (artifact / "note.json").write_text('{"digest":')
    else:
        shutil.rmtree(artifact)
    assert b"damaged" not in shop.sent("preview", "shop")["app.js"]
    warnings = shop.last["warnings"]
    assert len(warnings) == (1 if harm == "content" else 0)
    assert shop.sent("preview", "shop") == shop.sent("preview", "shop")


def test_a_build_that_names_a_branch_is_not_used_for_another_one(shop: Shop) -> None:
    """A member cannot publish, as main's, what was built with the caches of another branch."""
    git(shop.repository, "branch", "topic")
    evil = shop.sent("preview", "shop", "--ref", "topic")
    commit_id = shop.last["commit"]["id"]
    assert shop.sent("preview", "shop", "--ref", commit_id) != evil
    assert shop.sent("preview", "shop") != evil


def test_releases_of_one_commit_at_once_share_one_build(shop: Shop) -> None:
    slow = BUILD + "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);\n"
    shop.commit(**{"build.cjs": slow})
    key = shop.cli.folder / "private.key"
    for name in ("second", "third"):
        options = ("--build-command", "node build.cjs", "--output", "dist", "--robot", "2")
        shop.cli.must(
            *("app", "add", name, "--project", "web", "--app-id", APP_ID),
            *("--credential-file", str(key), *options),
        )
        shop.cli.must("app", "edit", name, "--robot", {"second": "2", "third": "3"}[name])
    shop.cli.must("preview", "--project", "web")
    assert len(shop.artifacts()) == 1
    assert len({files["made.js"] for files in received(shop)}) == 1


def received(shop: Shop) -> list[Mapping[str, bytes]]:
    return [one.files for one in shop._wechat.received]
