"""One repository, three platforms, the vendors' real tools: one after the other and all at once.

The one project of uni-app in these tests is installed from npm and built here, once for all.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command_line import CommandLine, wait_until
from mprelease.simulator.alipay import Alipay
from mprelease.simulator.douyin import Douyin
from mprelease.simulator.keys import make_key
from mprelease.simulator.proxy import Simulator
from mprelease.simulator.wechat import WeChat
from repositories import commit, make_repository, switch
from uni_app_project import FILES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("wechat_tool", "alipay_tool", "douyin_tool"),
]

PLATFORMS = ("wechat", "alipay", "douyin")
TEAMS = ("red", "blue")
APP_IDS = {
    "wechat": ("wx0000000000000001", "wx0000000000000002"),
    "alipay": ("2021000000000001", "2021000000000002"),
    "douyin": ("tt0000000000000001", "tt0000000000000002"),
}
TOOL_IDS = ("0f3b5c7e9a1d4c2b", "1f3b5c7e9a1d4c2b")
TARGETS = {"wechat": "mp-weixin", "alipay": "mp-alipay", "douyin": "mp-toutiao"}
# What the tools make anew from the project's configuration, or the platform's rules take out.
CONFIGURATION = {"project.config.json", "project.private.config.json", "mini.project.json"}
MARKUP = {"wechat": "wxml", "alipay": "axml", "douyin": "ttml"}


@dataclass(frozen=True)
class World:
    """The three services behind one proxy, each with two apps that have keys of their own."""

    cli: CommandLine
    services: Mapping[str, Any]

    def received(self, platform: str, app_id: str) -> Any:
        """The one package that a service has got for an app."""
        [package] = [one for one in self.services[platform].received if one.app_id == app_id]
        return package


@pytest.fixture
def world(cli: CommandLine, tmp_path: Path) -> Iterator[World]:
    wechat, alipay = WeChat(tmp_path / "by-wechat"), Alipay(tmp_path / "by-alipay")
    douyin = Douyin(tmp_path / "by-douyin")
    services = {"wechat": wechat, "alipay": alipay, "douyin": douyin}
    for number, name in enumerate(TEAMS):
        key = make_key()
        wechat.register(APP_IDS["wechat"][number], key)
        alipay.register(APP_IDS["alipay"][number], TOOL_IDS[number], key)
        douyin.register(APP_IDS["douyin"][number], f"token-of-{name}")
        given = {
            "wechat": key,
            "alipay": json.dumps({"toolId": TOOL_IDS[number], "privateKey": key}),
            "douyin": json.dumps({"token": f"token-of-{name}"}),
        }
        for platform, content in given.items():
            (tmp_path / f"{name}-{platform}").write_text(content)
    with Simulator(tmp_path / "vendors", services.values()) as simulator:
        cli.simulator = simulator
        yield World(cli, services)


def add_app(cli: CommandLine, name: str, platform: str, number: int, *options: str) -> None:
    cli.must(
        *("app", "add", name, "--project", "web", "--platform", platform),
        *("--app-id", APP_IDS[platform][number]),
        *("--credential-file", str(cli.folder / f"{TEAMS[number]}-{platform}"), *options),
    )


# npm fetches more than 700 packages.
@pytest.mark.timeout(900)
def test_three_targets_of_one_uni_app_are_installed_once_and_reach_three_platforms(
    world: World, tmp_path: Path
) -> None:
    cli = world.cli
    repository = make_repository(tmp_path / "uni", FILES)
    cli.must("project", "add", "web", "--repository", str(repository))
    for platform in PLATFORMS:
        setting = ("--setting", "minify=false") if platform == "wechat" else ()
        add_app(cli, f"shop-{platform}", platform, 0, *setting)
    # A slot for each, so that no later checkout clears away what is compared below.
    cli.extra["MPRELEASE_SLOTS"] = "3"
    releases = cli.must("upload", "--project", "web", "--json", seconds=600).json
    assert [one["state"] for one in releases] == ["succeeded"] * 3
    assert len({one["version"] for one in releases}) == 1
    assert len({one["commit"]["id"] for one in releases}) == 1
    assert sorted(one["stages"][1]["cached"] for one in releases) == [False, True, True]
    for platform in PLATFORMS:
        received = world.received(platform, APP_IDS[platform][0])
        built = next((cli.data / "workspaces").glob(f"*/*/tree/dist/build/{TARGETS[platform]}"))
        made = {str(one.relative_to(built)) for one in built.rglob("*") if one.is_file()}
        page = f"pages/index/index.{MARKUP[platform]}"
        assert page in made
        assert made - CONFIGURATION <= received.files.keys()
        assert received.files[page] == (built / page).read_bytes()
    for release in releases:
        assert Path(release["qr_code"]).stat().st_size > 100 or release["platform"] == "wechat"

    commit(repository, {"src/pages/index/index.vue": "<template><view>2</view></template>"})
    second = cli.must("preview", "shop-wechat", "--json").json
    assert second["stages"][1]["cached"] is True
    sent = world.services["wechat"].received[-1].files
    assert sent["pages/index/index.wxml"] == b"<view>2</view>"

    of_development = ("--environment", "development", "--json")
    development = cli.must("preview", "shop-wechat", *of_development).json
    assert development["stages"][1]["cached"] is True, "no install sees an environment"


def sources(platform: str, text: str) -> Mapping[str, str]:
    """A native mini program of a platform, with a text that tells it from others."""
    return {
        f"{platform}/app.json": '{"pages":["pages/a"]}',
        f"{platform}/app.js": "App({})",
        f"{platform}/project.config.json": "{}",
        f"{platform}/pages/a.json": "{}",
        f"{platform}/pages/a.js": "Page({})",
        f"{platform}/pages/a.{MARKUP[platform]}": f"<view>{text}</view>",
    }


def test_six_releases_at_once_do_not_meet(world: World, tmp_path: Path) -> None:
    cli = world.cli
    repository = make_repository(tmp_path / "native", {})
    for name in TEAMS:
        switch(repository, name)
        commit(repository, {p: t for one in PLATFORMS for p, t in sources(one, name).items()})
    cli.must("project", "add", "web", "--repository", str(repository))
    for number, name in enumerate(TEAMS):
        for platform in PLATFORMS:
            add_app(cli, f"{name}-{platform}", platform, number, "--directory", platform)
    worker = cli.fork("worker", "--slots", "6")
    wait_until(lambda: bool(json.loads(cli.must("workers", "--json").out)))
    started = [
        cli.fork("upload", f"{name}-{platform}", "--ref", name, "--json")
        for name in TEAMS
        for platform in PLATFORMS
    ]
    answers = [(one.communicate(timeout=240), one.returncode) for one in started]
    worker.terminate()
    worker.communicate(timeout=60)
    releases = [json.loads(out) for (out, _), _ in answers]
    assert [one["state"] for one in releases] == ["succeeded"] * 6
    begun = [one["stages"][0]["started_at"] for one in releases]
    ended = [one["stages"][-1]["ended_at"] for one in releases]
    assert max(begun) < min(ended), "they did not run at once"
    for platform in PLATFORMS:
        for number, name in enumerate(TEAMS):
            received = world.received(platform, APP_IDS[platform][number])
            markup = received.files[f"pages/a.{MARKUP[platform]}"].decode()
            assert name in markup
    assert all(world.services[one].unknown_calls == [] for one in ("alipay", "douyin"))
