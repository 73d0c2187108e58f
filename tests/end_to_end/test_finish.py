"""An upload that was accepted and did not become what testers get is finished by a command."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import CommandLine, wait_until
from mprelease.simulator.alipay import Alipay
from mprelease.simulator.proxy import Simulator
from mprelease.simulator.vendor_service import Fault
from mprelease.simulator.wechat import WeChat
from repositories import make_repository

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("alipay_tool", "wechat_tool")]

ALIPAY_ID, TOOL_ID = "2021000000000001", "0f3b5c7e9a1d4c2b"
FILES = {
    "alipay/app.json": '{"pages":["pages/a"]}',
    "alipay/app.js": "App({})",
    "alipay/pages/a.js": "Page({})",
    "alipay/pages/a.axml": "<view>你好</view>",
    "alipay/mini.project.json": '{"format": 2}',
    "wechat/app.json": '{"pages":["pages/a"]}',
    "wechat/app.js": "App({})",
    "wechat/pages/a.js": "Page({})",
    "wechat/pages/a.wxml": "<view>你好</view>",
    "wechat/project.config.json": '{"setting": {"es6": true}}',
}


@pytest.fixture
def alipay(tmp_path: Path, upload_key: str) -> Alipay:
    service = Alipay(tmp_path / "alipay")
    service.register(ALIPAY_ID, TOOL_ID, upload_key)
    return service


@pytest.fixture
def shop(cli: CommandLine, wechat: WeChat, alipay: Alipay, tmp_path: Path) -> Iterator[CommandLine]:
    """The command line with `pay` on Alipay and `shop` on WeChat, both of project `web`."""
    repository = make_repository(tmp_path / "repository", FILES)
    with Simulator(tmp_path / "vendors", [wechat, alipay]) as simulator:
        cli.simulator = simulator
        cli.has_app(repository, "--directory", "wechat")
        given = tmp_path / "tool.json"
        given.write_text(json.dumps({"toolId": TOOL_ID, "privateKey": cli.key}))
        cli.must(
            *("app", "add", "pay", "--project", "web", "--platform", "alipay"),
            *("--app-id", ALIPAY_ID, "--credential-file", str(given), "--directory", "alipay"),
        )
        yield cli


def test_a_refused_experience_version_is_made_up_for_and_may_be_again(
    shop: CommandLine, alipay: Alipay
) -> None:
    alipay.set_fault(ALIPAY_ID, Fault.TRIAL_REFUSED)
    release = shop.must("upload", "pay", "--json").json
    assert (release["state"], release["qr_code"]) == ("succeeded", None)
    [warning] = release["warnings"]
    assert "mprelease release finish" in warning
    number = str(release["id"])

    still = shop.run("release", "finish", number)
    assert (still.code, alipay.trial_version(ALIPAY_ID)) == (1, None)
    assert "没有设置体验版的权限" in still.err

    alipay.set_fault(ALIPAY_ID, None)
    for _ in range(2):
        done = shop.must("release", "finish", number, "--json").json
        assert (done["warnings"], done["error"]) == ([], None)
        assert Path(done["qr_code"]).read_bytes().startswith(b"\x89PNG")
        assert alipay.trial_version(ALIPAY_ID) == release["version"]
    assert len(alipay.received) == 1


def test_a_worker_finishes_for_whoever_asks(shop: CommandLine, alipay: Alipay) -> None:
    alipay.set_fault(ALIPAY_ID, Fault.TRIAL_REFUSED)
    shop.must("upload", "pay", "--json")
    alipay.set_fault(ALIPAY_ID, None)
    worker = shop.fork("worker")
    wait_until(lambda: bool(shop.must("workers", "--json").json))
    # Whoever asks has no way to the platform; the worker has.
    shop.extra["MPRELEASE_VENDOR_PROXY"] = "http://127.0.0.1:9"
    done = shop.must("release", "finish", "1", "--json").json
    worker.terminate()
    worker.communicate(timeout=60)
    assert done["warnings"] == []
    assert alipay.trial_version(ALIPAY_ID) == done["version"]


def test_what_cannot_be_finished_is_told_in_a_sentence(shop: CommandLine, wechat: WeChat) -> None:
    shop.must("preview", "pay")
    shop.must("upload", "shop")
    shop.run("upload", "shop", "--ref", "nowhere")
    answers = {number: shop.run("release", "finish", number) for number in ("1", "2", "3", "77")}
    assert {number: answer.code for number, answer in answers.items()} == {
        "1": 2,
        "2": 1,
        "3": 2,
        "77": 2,
    }
    assert "no upload that has succeeded" in answers["1"].err
    assert "no upload that has succeeded" in answers["3"].err
    assert "WeChat" in answers["2"].err
    assert "77" in answers["77"].err
    assert len(wechat.received) == 1


def test_the_newest_version_is_asked_of_the_platform_that_tells(
    shop: CommandLine, alipay: Alipay
) -> None:
    assert "no version" in shop.must("app", "last-version", "pay").out
    alipay.add_versions(ALIPAY_ID, ["26.1.0", "26.2.0"])
    assert shop.must("app", "last-version", "pay").out.strip() == "26.2.0"
    assert shop.must("app", "last-version", "pay", "--json").json["version"] == "26.2.0"
    assert "WeChat never does" in shop.must("app", "last-version", "shop").out
    assert shop.must("app", "last-version", "shop", "--json").json["version"] is None
