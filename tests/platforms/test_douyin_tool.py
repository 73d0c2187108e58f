"""The real tt-ide-cli behind our bridge, against a simulated Douyin."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from douyin_samples import (
    DOUYIN_APP_ID,
    DOUYIN_PROJECT,
    EMAIL,
    LOGIN_CREDENTIAL,
    PASSWORD,
)
from mprelease.domain.codes import ending
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, LaunchOptions
from mprelease.platforms.douyin.driver import DouyinDriver
from mprelease.platforms.driver import (
    PublishOrder,
    Ready,
    Result,
)
from mprelease.platforms.images import draw_qr_code
from mprelease.simulator.douyin import Douyin
from mprelease.simulator.vendor_service import Fault
from publishing import (
    Publishing,
    accepted,
    failed,
    in_a_minute,
    processes_with,
    texts_below,
    write_files,
)

pytestmark = pytest.mark.slow

DRIVER = DouyinDriver()


@pytest.fixture
def publishing(douyin_tool: Path, tmp_path: Path) -> Publishing:
    return Publishing(douyin_tool, tmp_path / "tools", driver=DRIVER)


@pytest.fixture(autouse=True)
def _no_strange_calls(douyin: Douyin) -> Iterator[None]:
    """No telemetry, and nothing else that the simulator does not know."""
    yield
    assert douyin.unknown_calls == []


def test_an_upload_goes_to_the_default_channel_and_is_what_was_built(
    publishing: Publishing, douyin_order: PublishOrder, douyin: Douyin
) -> None:
    answer = accepted(publishing.publish(douyin_order))
    (received,) = douyin.received
    assert (received.channel, received.with_source_maps) == (None, True)
    assert answer.publication.qr_code == draw_qr_code(douyin.qr_codes[0].short_url)
    assert answer.publication.sizes is not None
    assert answer.publication.sizes.full == received.sizes.full
    sent = dict(received.files)
    config = json.loads(sent.pop("project.config.json"))
    assert config == {"appid": DOUYIN_APP_ID, "setting": {"es6": True}}
    expected = {name: text.encode() for name, text in DOUYIN_PROJECT.items()}
    expected.pop("project.config.json")
    assert sent == expected


def test_a_preview_without_page_opens_the_first_one(
    publishing: Publishing, douyin_order: PublishOrder, douyin: Douyin
) -> None:
    answer = accepted(publishing.publish(replace(douyin_order, kind=Kind.PREVIEW)))
    assert douyin.qr_codes[0].launch == LaunchOptions(None, None, 990001)
    assert answer.publication.lifetime == ending(douyin.qr_codes[0].expires_at * 1000)


def test_neither_password_nor_session_is_seen_while_a_person_publishes(
    publishing: Publishing, douyin_order: PublishOrder
) -> None:
    began = time.time()
    account = replace(douyin_order.account, credential=LOGIN_CREDENTIAL)
    seen: list[str] = []

    def look() -> None:
        seen.extend([*processes_with(""), *texts_below([douyin_order.scratch], since=began)])

    def at_ready() -> str:
        look()
        return DRIVER.go_line(in_a_minute())

    accepted(publishing.publish(replace(douyin_order, account=account), at_ready))
    look()
    seen += [*publishing.lines, *map(str, publishing.events)]
    assert not [each for each in (PASSWORD, "sessionid") if any(each in text for text in seen)]


def test_a_person_can_publish_too(
    publishing: Publishing, douyin_order: PublishOrder, douyin: Douyin
) -> None:
    account = replace(douyin_order.account, credential=LOGIN_CREDENTIAL)
    assert isinstance(publishing.publish(replace(douyin_order, account=account)), Result)
    assert len(douyin.received) == 1


def test_a_channel_is_chosen_by_a_setting(
    publishing: Publishing, douyin_order: PublishOrder, douyin: Douyin
) -> None:
    settings = {"channel": 2, "needUploadSourcemap": False}
    publishing.publish(replace(douyin_order, compile_settings=settings))
    assert douyin.current(DOUYIN_APP_ID, channel=2) == douyin.received[0]
    assert douyin.qr_codes[0].channel == 2
    assert not douyin.received[0].with_source_maps


def test_a_channel_that_does_not_exist_is_refused_before_sending(
    publishing: Publishing, douyin_order: PublishOrder, douyin: Douyin
) -> None:
    failure = failed(publishing.publish(replace(douyin_order, compile_settings={"channel": 77})))
    assert failure.error.problem_detail.parameters["detail"] == "通道不能大于 9"
    assert Ready() not in publishing.events
    assert douyin.received == []


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.UNKNOWN_APP, (Problem.PLATFORM_APP_ID_UNKNOWN, False)),
        (Fault.NOT_CONFIGURED, (Problem.APP_NOT_CONFIGURED, False)),
        (Fault.VERSION_NOT_GREATER, (Problem.VERSION_NOT_GREATER, False)),
        (Fault.SERVER_ERROR, (Problem.PUBLISH_CUT, True)),
    ],
)
def test_a_refused_upload_is_told_apart_from_one_that_was_cut_off(
    publishing: Publishing,
    douyin_order: PublishOrder,
    douyin: Douyin,
    fault: Fault,
    expected: tuple[Problem, bool],
) -> None:
    douyin.set_fault(DOUYIN_APP_ID, fault)
    failure = failed(publishing.publish(douyin_order))
    assert (failure.error.problem_detail.problem, failure.may_have_arrived) == expected
    assert douyin.current(DOUYIN_APP_ID) is None


def test_a_refused_login_is_told_in_the_platforms_words(
    publishing: Publishing, douyin_order: PublishOrder
) -> None:
    account = replace(douyin_order.account, credential=f"login\n{EMAIL}\nwrong")
    problem_detail = failed(
        publishing.publish(replace(douyin_order, account=account))
    ).error.problem_detail
    assert problem_detail.problem is Problem.LOGIN_REFUSED
    assert problem_detail.parameters == {"detail": "帐号或密码错误"}


def test_an_upload_that_gets_no_code_has_succeeded(
    publishing: Publishing, douyin_order: PublishOrder, douyin: Douyin
) -> None:
    douyin.set_fault(DOUYIN_APP_ID, Fault.NO_QR_CODE)
    answer = publishing.publish(douyin_order)
    assert isinstance(answer, Result), answer
    assert [hint.id for hint in answer.hints] == ["hint.douyin_no_qr_code"]
    assert douyin.current(DOUYIN_APP_ID) == douyin.received[0]


def test_a_preview_that_gets_no_code_has_failed(
    publishing: Publishing, douyin_order: PublishOrder, douyin: Douyin
) -> None:
    douyin.set_fault(DOUYIN_APP_ID, Fault.NO_QR_CODE)
    failure = failed(publishing.publish(replace(douyin_order, kind=Kind.PREVIEW)))
    assert failure.error.problem_detail.problem is Problem.PLATFORM_REFUSED


def test_an_older_version_is_refused_before_sending(
    douyin_tool: Path, douyin_order: PublishOrder, douyin: Douyin, tmp_path: Path
) -> None:
    Publishing(douyin_tool, tmp_path / "one", driver=DRIVER).publish(douyin_order)
    second = Publishing(douyin_tool, tmp_path / "two", driver=DRIVER)
    problem_detail = failed(
        second.publish(replace(douyin_order, version="1.0.0"))
    ).error.problem_detail
    assert problem_detail.problem is Problem.VERSION_NOT_GREATER
    assert problem_detail.parameters == {"version": "1.0.0", "last": "26.1122.0"}
    assert Ready() not in second.events
    assert len(douyin.received) == 1


def test_a_sub_package_that_is_too_large_is_refused_before_sending(
    publishing: Publishing, douyin_order: PublishOrder, douyin: Douyin
) -> None:
    (douyin_order.built / "sub" / "large.png").write_bytes(bytes(3 * 1024 * 1024))
    problem_detail = failed(publishing.publish(douyin_order)).error.problem_detail
    assert problem_detail.problem is Problem.PACKAGE_TOO_LARGE
    assert problem_detail.parameters == {"size": 3072, "limit": 2048}
    assert douyin.received == []


def test_npm_dependencies_are_packed(
    publishing: Publishing, douyin_order: PublishOrder, douyin: Douyin
) -> None:
    files = {
        "package.json": '{"name":"shop","version":"1.0.0","dependencies":{"dep":"1.0.0"}}',
        "node_modules/dep/package.json": '{"name":"dep","version":"1.0.0","main":"index.js"}',
        "node_modules/dep/index.js": "module.exports = 'packed'",
    }
    write_files(douyin_order.built, files)
    assert isinstance(publishing.publish(replace(douyin_order, pack_npm=True)), Result)
    sent = douyin.received[0].files
    assert b"packed" in sent["miniprogram_npm/dep/index.js"]
    assert not any("node_modules" in name for name in sent)
