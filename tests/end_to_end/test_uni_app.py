"""A uni-app project, installed from npm and built; the second time from what is kept."""

from pathlib import Path

import pytest

from command_line import CommandLine
from mprelease.simulator.wechat import WeChat
from repositories import commit, make_repository
from uni_app_project import FILES

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("wechat_tool")]


def test_a_uni_app_is_installed_built_and_uploaded_and_the_second_time_it_is_quick(
    cli: CommandLine, wechat: WeChat, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "uni", FILES)
    cli.has_app(repository, "--setting", "minify=false")
    first = cli.must("upload", "shop", "--json").json
    [received] = wechat.received
    built = next((cli.data / "workspaces").glob("*/1/tree")) / "dist" / "build" / "mp-weixin"
    made = {str(path.relative_to(built)) for path in built.rglob("*") if path.is_file()}
    pages = {name for name in made if name.endswith((".wxml", ".wxss", ".json"))}
    assert "pages/index/index.wxml" in made
    assert pages - {"project.config.json", "project.private.config.json"} <= received.files.keys()
    assert (
        received.files["pages/index/index.wxml"]
        == (built / "pages" / "index" / "index.wxml").read_bytes()
    )
    assert first["stages"][1]["cached"] is False

    commit(repository, {"src/pages/index/index.vue": "<template><view>2</view></template>"})
    second = cli.must("preview", "shop", "--json").json
    install = second["stages"][1]
    assert install["cached"] is True
    assert wechat.received[1].files["pages/index/index.wxml"] == b"<view>2</view>"

    development = cli.must("preview", "shop", "--environment", "development", "--json").json
    assert development["stages"][1]["cached"] is True, "no install sees an environment"
