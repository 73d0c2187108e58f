"""Package managers in the version that a project asks for, as whoever builds may use them."""

import json
import os
import re
from pathlib import Path

import pytest

from command_line import APP_ID, CommandLine, path_without_bwrap
from mprelease.simulator.wechat import WeChat
from repositories import make_repository

pytestmark = [pytest.mark.slow, pytest.mark.light_tool]


MODES = [
    "auto",
    pytest.param(
        "user", marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root has this mode")
    ),
]


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest, cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "user":
        monkeypatch.setenv("PATH", path_without_bwrap(cli.folder / "programs"))
        cli.extra["MPRELEASE_SANDBOX"] = "required"


@pytest.mark.parametrize("manager", ["pnpm@9.15.9", "yarn@1.22.22"])
@pytest.mark.usefixtures("mode")
def test_a_project_is_installed_by_the_manager_that_it_names(
    manager: str, cli: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    package = {
        "name": "native",
        "version": "1.0.0",
        "packageManager": manager,
        "scripts": {"build": "node -p \"require.resolve('is-number')\""},
        "dependencies": {"is-number": "7.0.0"},
    }
    files = {
        ".gitignore": "node_modules\n",
        "package.json": json.dumps(package),
        "project.config.json": json.dumps({"compileType": "miniprogram", "appid": APP_ID}),
        "app.json": json.dumps({"pages": ["pages/a/a"]}),
        "app.js": "App({})",
        "pages/a/a.js": "const isNumber = require('is-number')\nPage({n: isNumber('1')})",
        "pages/a/a.wxml": "<view>{{n}}</view>",
    }
    build = ("--build-command", f"{manager.partition('@')[0]} run build", "--output", ".")
    cli.has_app(make_repository(tmp_path / "native", files), *build)
    cli.must("preview", "shop")
    assert f"npm install {manager}" in cli.log()
    assert re.search("tree/node_modules/.*is-number/index.js", cli.log())
    assert "pages/a/a.js" in wechat.received[0].files
    assert cli.must("preview", "shop", "--json").json["stages"][1]["cached"]
