"""A mini program for Douyin, from a real git repository to the platform, with the real tool."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from command_line import CommandLine, interrupt, living, wait_until
from mprelease.domain.releases import Kind
from mprelease.simulator.douyin import Douyin
from mprelease.simulator.proxy import Simulator
from mprelease.simulator.vendor_service import Fault
from mprelease.simulator.wechat import WeChat
from repositories import make_repository

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("douyin_tool")]

APP_ID = "tt0123456789abcdef"
TOKEN = "tok-5e2f7c81d09a"
SOURCES = {
    "project.config.json": '{"appid":"testAppId","setting":{"es6":true}}',
    "app.json": '{"pages":["pages/a","pages/b"]}',
    "app.js": "App({})",
    **{f"pages/{page}.js": "Page({})" for page in "ab"},
    **{f"pages/{page}.ttml": f"<view>第 {page} 页</view>" for page in "ab"},
}


@pytest.fixture
def douyin(tmp_path: Path) -> Douyin:
    service = Douyin(tmp_path / "received-by-douyin", slow_seconds=60)
    service.register(APP_ID, TOKEN)
    return service


def add_shop(cli: CommandLine, repository: Path) -> None:
    credential = cli.folder / "douyin.json"
    credential.write_text(json.dumps({"token": TOKEN}))
    cli.must("project", "add", "web", "--repository", str(repository))
    cli.must(
        *("app", "add", "shop", "--project", "web", "--platform", "douyin"),
        *("--app-id", APP_ID, "--credential-file", str(credential)),
    )
    credential.unlink()


@pytest.fixture
def douyin_cli(
    cli: CommandLine, wechat: WeChat, douyin: Douyin, tmp_path: Path
) -> Iterator[CommandLine]:
    """The command line, with both platforms behind one proxy, and its app `shop` at Douyin."""
    with Simulator(tmp_path / "both", [wechat, douyin]) as simulator:
        cli.simulator = simulator
        make_repository(tmp_path / "sources", SOURCES)
        add_shop(cli, tmp_path / "sources")
        yield cli
    assert douyin.unknown_calls == []


def test_preview_and_upload_arrive_and_leave_no_token_behind(
    douyin_cli: CommandLine, douyin: Douyin
) -> None:
    preview = douyin_cli.must("preview", "shop", "--page", "pages/b", "--query", "n=1", "--json")
    upload = douyin_cli.must("upload", "shop", "--description", "`id` 新版", "--json")
    for answer in (preview, upload):
        assert answer.json["state"] == "succeeded", answer.out
        assert Path(answer.json["qr_code"]).read_bytes().startswith(b"\x89PNG")
    first, second = douyin.received
    assert (first.kind, second.kind) == (Kind.PREVIEW, Kind.UPLOAD)
    assert (douyin.qr_codes[0].launch.start_page, douyin.qr_codes[0].launch.query) == (
        "pages/b",
        "n=1",
    )
    assert (second.version, second.description) == (upload.json["version"], "`id` 新版")
    for received in (first, second):
        config = json.loads(received.files["project.config.json"])
        assert config == {"appid": APP_ID, "setting": {"es6": True}}
        for name in SOURCES.keys() - {"project.config.json"}:
            assert received.files[name].decode() == SOURCES[name]
    files = [path for path in douyin_cli.folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if TOKEN.encode() in path.read_bytes()] == []


def test_an_automatic_version_goes_on_from_the_newest_of_the_platform(
    douyin_cli: CommandLine, douyin: Douyin, tmp_path: Path
) -> None:
    """Issue 12, number 22: another installation has uploaded a greater one today."""
    assert "no version" in douyin_cli.must("app", "last-version", "shop").out
    (tmp_path / "elsewhere").mkdir()
    elsewhere = replace(douyin_cli, folder=tmp_path / "elsewhere", started=[])
    add_shop(elsewhere, tmp_path / "sources")
    elsewhere.must("upload", "shop", "--version", "99.1.4")
    assert douyin_cli.must("app", "last-version", "shop").out.strip() == "99.1.4"
    refused = douyin_cli.run("upload", "shop", "--version", "99.1.4", "--json")
    assert refused.json["error"]["problem"] == "version_not_greater"
    douyin_cli.must(
        *("app", "edit", "shop", "--output", "dist", "--build-command"),
        'mkdir dist && cp -r app.* pages dist && echo "// $MPRELEASE_VERSION" > dist/v.js',
    )
    versions = [douyin_cli.must("upload", "shop", "--json").json["version"] for _ in range(2)]
    assert versions == ["99.1.5", "99.1.6"]
    assert [each.version for each in douyin.received] == ["99.1.4", *versions]
    built = [each.files["v.js"].decode()[3:].strip() for each in douyin.received[1:]]
    assert built == versions, "the build was told the version that was uploaded"


def test_a_refused_token_ends_the_release_before_anything_is_sent(
    douyin_cli: CommandLine, douyin: Douyin
) -> None:
    douyin.set_fault(APP_ID, Fault.TOKEN_EXPIRED)
    assert "token" in douyin_cli.run("app", "check", "shop").err
    answer = douyin_cli.run("upload", "shop", "--json")
    assert answer.code != 0
    assert answer.json["error"]["problem"] == "token_refused"
    assert douyin.received == []


def test_a_preview_can_be_ended_after_it_was_sent(douyin_cli: CommandLine, douyin: Douyin) -> None:
    douyin.set_fault(APP_ID, Fault.SLOW)
    process = douyin_cli.fork("preview", "shop")
    douyin.wait_for(1, seconds=120)
    interrupt(process)
    process.communicate(timeout=60)
    assert process.returncode == 130
    wait_until(lambda: not living(str(douyin_cli.data)))


def test_the_output_of_another_platform_is_refused_by_name(
    douyin_cli: CommandLine, douyin: Douyin, tmp_path: Path
) -> None:
    wechat = {name.replace(".ttml", ".wxml"): text for name, text in SOURCES.items()}
    other = make_repository(tmp_path / "for-wechat", wechat)
    douyin_cli.must("project", "edit", "web", "--repository", str(other))
    error = douyin_cli.run("preview", "shop", "--json").json["error"]
    assert error["problem"] == "output_of_other_platform"
    assert "WeChat (pages/a.wxml)" in error["message"]
    assert douyin.received == []
