"""Projects of HBuilderX, whose repositories have no build tool: issue 12, number 31."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from command_line import CommandLine
from mprelease.pipeline import hbuilderx
from mprelease.simulator.wechat import WeChat
from npm_registry import NpmRegistry, serving
from repositories import commit, make_repository
from test_registries import FILES
from trees import write
from uni_app_project import FILES as UNI

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("wechat_tool")]

SOURCES = {
    **{name.removeprefix("src/"): text for name, text in FILES.items() if name.startswith("src/")},
    "manifest.json": "{}",
    "pages.json": "{}",
    "App.vue": "",
    "main.js": "",
}
BUILD = """#!/usr/bin/env node
const fs = require("fs");
const [output, input] = [`dist/build/${process.env.UNI_PLATFORM}`, process.env.UNI_INPUT_DIR];
fs.cpSync(`${input}/pages`, `${output}/pages`, { recursive: true });
for (const name of ["app.js", "app.json"]) fs.copyFileSync(`${input}/${name}`, `${output}/${name}`);
const number = `${input}/node_modules/is-number`;
const made = fs.existsSync(number) && require(number)();
fs.writeFileSync(`${output}/made.js`, `module.exports = "${made}"`);
"""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[NpmRegistry]:
    """A registry in which `vue-cli-service` copies the sources, and nothing else does anything."""
    folder = tmp_path / "tool"
    for name in ("manifest.json", "pages.json", "main.js"):
        write(folder, name, "{}")
    tool = hbuilderx.complete(folder, None)
    assert tool
    made = NpmRegistry()
    for name, version in tool.packages.items():
        binary = {"bin": {"vue-cli-service": "index.js"}} if name == "@vue/cli-service" else {}
        made.publish(name, version, BUILD if binary else "", **binary)
    for version in ("7.0.0", "7.1.0"):
        made.publish("is-number", version, f"module.exports = () => '{version}'")
    with serving(made):
        yield made


def lock_of_npm_6(registry: NpmRegistry) -> Mapping[str, object]:
    entry = {
        "version": "7.0.0",
        "resolved": registry.tarball("is-number", "7.0.0"),
        "integrity": registry.integrity("is-number", "7.0.0"),
    }
    return {"lockfileVersion": 1, "requires": True, "dependencies": {"is-number": entry}}


@pytest.mark.light_tool
def test_the_build_tool_is_added_to_what_a_lock_file_says(
    cli: CommandLine, wechat: WeChat, registry: NpmRegistry, tmp_path: Path
) -> None:
    files = {
        **SOURCES,
        ".gitignore": "dist\nnode_modules\n",
        ".npmrc": f"registry={registry.url}/\n",
        "package.json": json.dumps({"dependencies": {"is-number": "^7.0.0"}}),
        "package-lock.json": json.dumps(lock_of_npm_6(registry)),
    }
    cli.has_app(make_repository(tmp_path / "shop", files))
    release = cli.must("preview", "shop", "--json").json
    assert release["warnings"] == []
    assert b"7.0.0" in wechat.received[0].files["made.js"]
    assert cli.must("preview", "shop", "--json").json["stages"][1]["cached"]


@pytest.mark.light_tool
def test_the_build_tool_is_installed_in_place_of_committed_modules(
    cli: CommandLine, wechat: WeChat, registry: NpmRegistry, tmp_path: Path
) -> None:
    files = {
        **SOURCES,
        ".gitignore": "dist\n",
        ".npmrc": f"registry={registry.url}/\n",
        "package.json": json.dumps({"dependencies": {"is-number": "7.0.0"}}),
        "node_modules/is-number/package.json": '{"name":"is-number","version":"6.0.0"}',
        "node_modules/is-number/index.js": "module.exports = () => 'committed'",
    }
    cli.has_app(make_repository(tmp_path / "shop", files))
    for _ in range(2):
        release = cli.must("preview", "shop", "--json").json
        assert "node_modules is part of the commit" in json.dumps(release["warnings"])
        assert b"7.0.0" in wechat.received[-1].files["made.js"]


@pytest.mark.light_tool
def test_a_lock_file_without_a_package_file_is_not_asked(
    cli: CommandLine, wechat: WeChat, registry: NpmRegistry, tmp_path: Path
) -> None:
    lock = lock_of_npm_6(registry)
    missing = {**lock, "dependencies": {"gone": {"version": "1.0.0"}}}
    files = {
        **SOURCES,
        ".gitignore": "dist\nnode_modules\n",
        ".npmrc": f"registry={registry.url}/\n",
        "package-lock.json": json.dumps(missing),
    }
    cli.has_app(make_repository(tmp_path / "shop", files))
    assert cli.must("preview", "shop", "--json").json["warnings"] == []
    assert "app.json" in wechat.received[0].files
    assert "/gone" not in registry.requests


@pytest.mark.timeout(900)
def test_a_project_of_vue_3_is_built_with_a_kept_tool(
    cli: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    sources = {
        name.removeprefix("src/"): text for name, text in UNI.items() if name.startswith("src/")
    }
    app = "<script>export default {}</script><style lang='scss'>a { top: $size }</style>"
    styles = {"uni.scss": "$size: 7px;", "App.vue": app}
    ignored = {".gitignore": "unpackage\n"}
    repository = make_repository(tmp_path / "uni", {**sources, **styles, **ignored})
    cli.has_app(repository)
    release = cli.must("preview", "shop", "--json", seconds=800).json
    assert release["warnings"] == []
    assert "pages/index/index.wxml" in wechat.received[0].files
    assert b"7px" in wechat.received[0].files["app.wxss"]
    commit(repository, {"pages/index/index.vue": "<template><view>2</view></template>"})
    assert cli.must("preview", "shop", "--json").json["stages"][1]["cached"]
    assert wechat.received[1].files["pages/index/index.wxml"] == b"<view>2</view>"
