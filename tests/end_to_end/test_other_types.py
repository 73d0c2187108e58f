"""What WeChat knows besides mini programs, plugins and mini games, with the real tool."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from command_line import APP_ID, CommandLine
from mprelease.domain.apps import ProjectType
from mprelease.domain.releases import Kind
from mprelease.simulator.wechat import WeChat
from repositories import make_repository

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("wechat_tool")]

# Nothing is compiled without settings, so that what arrives is what was committed.
PLUGIN = {
    "hello/plugin.json": json.dumps(
        {"publicComponents": {"hello": "components/hello"}, "main": "index.js"}
    ),
    "hello/index.js": "module.exports = {isNumber: require('is-number')}",
    "hello/components/hello.js": "Component({})",
    "hello/components/hello.json": json.dumps({"component": True}),
    "hello/components/hello.wxml": "<text>你好</text>",
}
DEMO = {
    "demo/app.json": json.dumps(
        {"pages": ["pages/a/a"], "plugins": {"hello": {"version": "dev", "provider": APP_ID}}}
    ),
    "demo/app.js": "App({})",
    "demo/pages/a/a.js": "const hello = requirePlugin('hello')\nPage({})",
    "demo/pages/a/a.json": json.dumps({"usingComponents": {"hello": "plugin://hello/hello"}}),
    "demo/pages/a/a.wxml": "<hello/>",
}
PLUGIN_PROJECT = {
    **PLUGIN,
    **DEMO,
    ".gitignore": "node_modules\nminiprogram_npm\n",
    "project.config.json": json.dumps(
        {"compileType": "plugin", "miniprogramRoot": "demo/", "pluginRoot": "hello/"}
    ),
    "hello/package.json": json.dumps(
        {"name": "hello", "version": "1.0.0", "dependencies": {"is-number": "7.0.0"}}
    ),
}
GAME = {
    "game.json": json.dumps(
        {
            "deviceOrientation": "portrait",
            "subpackages": [
                {"name": "one", "root": "one/"},
                {"name": "two", "root": "two.js"},
            ],
        }
    ),
    "game.js": "require('./js/main.js')",
    "js/main.js": "wx.createCanvas().getContext('2d').fillText('你好', 10, 10)",
    "one/game.js": "console.log('one')",
    "two.js": "console.log('two')",
}


def test_a_plugin_arrives_with_its_modules_and_the_mini_program_that_shows_it(
    cli: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "plugin", PLUGIN_PROJECT)
    cli.has_app(repository, "--type", "miniProgramPlugin")
    cli.must("upload", "shop")
    preview = cli.must("preview", "shop", "--json").json
    assert Path(preview["qr_code"]).read_bytes().startswith(b"\xff\xd8")
    assert [received.kind for received in wechat.received] == [Kind.UPLOAD, Kind.PREVIEW]
    for received in wechat.received:
        assert received.project_type is ProjectType.MINI_PROGRAM_PLUGIN
        # The tool gives both folders names of its own.
        assert sources(PLUGIN, "hello", "plugin").items() <= received.files.items()
        assert sources(DEMO, "demo", "miniprogram").items() <= received.files.items()
        manifest = json.loads(received.files["plugin/plugin.json"])
        assert manifest == json.loads(PLUGIN["hello/plugin.json"])
        assert "plugin/miniprogram_npm/is-number/index.js" in received.files


def test_a_mini_game_arrives_as_it_was_committed_with_its_sub_packages(
    cli: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "game", GAME)
    cli.has_app(repository, "--type", "miniGame", "--setting", "useProjectConfig=false")
    sizes = cli.must("upload", "shop", "--json").json["sizes"]
    preview = cli.must("preview", "shop", "--json").json
    assert Path(preview["qr_code"]).read_bytes().startswith(b"\xff\xd8")
    assert [received.kind for received in wechat.received] == [Kind.UPLOAD, Kind.PREVIEW]
    for received in wechat.received:
        assert received.project_type is ProjectType.MINI_GAME
        assert sources(GAME).items() <= received.files.items()
        assert json.loads(received.files["game.json"])["deviceOrientation"] == "portrait"
    assert sizes["packages"] == {"/one/": len(GAME["one/game.js"]), "/two.js": len(GAME["two.js"])}


def sources(files: Mapping[str, str], folder: str = "", name: str = "") -> Mapping[str, bytes]:
    """Return what has to arrive byte for byte: all but JSON, which the tool writes anew."""
    kept = {path: text.encode() for path, text in files.items() if not path.endswith(".json")}
    return {path.replace(folder, name, 1): content for path, content in kept.items()}
