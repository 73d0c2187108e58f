"""The real tt-ide-cli behind our bridge, against a simulated Douyin."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from douyin_samples import (
    DOUYIN_APP_ID,
    DOUYIN_PROJECT,
    EMAIL,
    LOGIN_CREDENTIAL,
    PASSWORD,
    TOKEN,
)
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, LaunchOptions
from mprelease.platforms.douyin.driver import DouyinDriver
from mprelease.platforms.douyin.events import qr_code
from mprelease.platforms.driver import (
    Account,
    Failure,
    Link,
    Loaded,
    Progress,
    PublishOrder,
    Ready,
    Result,
)
from mprelease.simulator.douyin import Douyin, Refusal
from mprelease.simulator.proxy import Simulator
from publishing import Publishing, in_a_minute, write_files

pytestmark = pytest.mark.slow

DRIVER = DouyinDriver()


@pytest.fixture
def publishing(douyin_tool: Path, tmp_path: Path) -> Publishing:
    return Publishing(douyin_tool, tmp_path / "tools", driver=DRIVER)


@pytest.fixture(autouse=True)
def _no_strange_calls(douyin: Douyin) -> Iterator[None]:
    """No telemetry, and nothing else that the simulator does not know."""
    yield
    assert douyin.strange == []


def failed(answer: Result | Failure) -> Failure:
    assert isinstance(answer, Failure), answer
    return answer


def test_an_upload_is_sent_after_go_and_not_before(
    publishing: Publishing, douyin_order: PublishOrder, douyin: Douyin
) -> None:
    seen_at_ready: list[int] = []

    def at_ready() -> str:
        seen_at_ready.append(len(douyin.received))
        return DRIVER.go_line(in_a_minute())

    answer = publishing.publish(douyin_order, at_ready)
    assert isinstance(answer, Result), answer
    (received,) = douyin.received
    assert seen_at_ready == [0]
    assert (received.kind, received.app_id) == (Kind.UPLOAD, DOUYIN_APP_ID)
    assert (received.version, received.channel) == ("26.1122.0", None)
    assert received.description == douyin_order.description
    assert received.with_source_maps
    assert answer.publication.qr_code == qr_code(douyin.codes[0].short_url)
    assert answer.publication.sizes is not None
    assert answer.publication.sizes.full == received.sizes.full
    assert publishing.events[0] == Loaded()
    assert any(isinstance(event, Progress) for event in publishing.events)


def test_what_arrives_is_what_was_built(
    publishing: Publishing, douyin_order: PublishOrder, douyin: Douyin
) -> None:
    publishing.publish(douyin_order)
    sent = dict(douyin.received[0].files)
    config = json.loads(sent.pop("project.config.json"))
    assert config == {"appid": DOUYIN_APP_ID, "setting": {"es6": True}}
    expected = {name: text.encode() for name, text in DOUYIN_PROJECT.items()}
    expected.pop("project.config.json")
    assert sent == expected


def test_a_preview_opens_where_it_is_told(
    publishing: Publishing, douyin_order: PublishOrder, douyin: Douyin
) -> None:
    launch = LaunchOptions("pages/a", "a=1&b=$(id)", 1047)
    answer = publishing.publish(replace(douyin_order, kind=Kind.PREVIEW, launch=launch))
    assert isinstance(answer, Result), answer
    (code,) = douyin.codes
    assert (code.kind, code.launch) == (Kind.PREVIEW, launch)
    assert answer.publication.qr_code == qr_code(code.short_url)
    assert [hint.id for hint in answer.hints] == ["hint.douyin_expires"]


def test_a_preview_without_page_opens_the_first_one(
    publishing: Publishing, douyin_order: PublishOrder, douyin: Douyin
) -> None:
    publishing.publish(replace(douyin_order, kind=Kind.PREVIEW))
    launch = douyin.codes[0].launch
    assert (launch.page, launch.query) == (None, None)


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
    assert douyin.codes[0].channel == 2
    assert not douyin.received[0].with_source_maps


def test_a_channel_that_does_not_exist_is_refused_before_sending(
    publishing: Publishing, douyin_order: PublishOrder, douyin: Douyin
) -> None:
    failure = failed(publishing.publish(replace(douyin_order, compile_settings={"channel": 77})))
    assert failure.error.trouble.parameters["detail"] == "通道不能大于 9"
    assert Ready() not in publishing.events
    assert douyin.received == []


@pytest.mark.parametrize("credential", [f"token\n{TOKEN}", LOGIN_CREDENTIAL])
def test_the_credential_is_nowhere_on_disk_and_in_no_line(
    publishing: Publishing, douyin_order: PublishOrder, credential: str
) -> None:
    account = replace(douyin_order.account, credential=credential)
    seen: list[str] = []

    def at_ready() -> str:
        seen.extend(_texts_below(douyin_order.scratch))
        seen.extend(_texts_below(douyin_order.built))
        seen.extend(processes := _processes_in(douyin_order.scratch))
        assert processes
        return DRIVER.go_line(in_a_minute())

    publishing.publish(replace(douyin_order, account=account), at_ready)
    seen += [*publishing.lines, *_texts_below(douyin_order.scratch), *map(str, publishing.events)]
    assert len(seen) > 5
    for secret in (TOKEN, PASSWORD, "sessionid"):
        assert not any(secret in text for text in seen)


def _processes_in(folder: Path) -> list[str]:
    """Return command line and environment of every process that works in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder:
                found += [(process / name).read_text("latin-1") for name in ("cmdline", "environ")]
        except OSError:
            continue
    return found


def _texts_below(folder: Path) -> list[str]:
    return [path.read_text("latin-1") for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (lambda: DRIVER.go_line(time.time_ns() // 1_000_000 - 1), Problem.PUBLISH_TOO_LATE),
        (lambda: None, Problem.PUBLISH_FAILED),
    ],
    ids=["too late", "hung up"],
)
def test_nothing_is_sent_without_a_go_in_time(
    publishing: Publishing,
    douyin_order: PublishOrder,
    douyin: Douyin,
    line: Callable[[], str | None],
    problem: Problem,
) -> None:
    failure = failed(publishing.publish(douyin_order, line))
    assert failure.error.trouble.problem is problem
    assert not failure.may_have_arrived
    assert douyin.received == []


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (Refusal.TOKEN_EXPIRED, (Problem.TOKEN_REFUSED, False)),
        (Refusal.UNKNOWN_APP, (Problem.PLATFORM_APP_ID_UNKNOWN, False)),
        (Refusal.NOT_CONFIGURED, (Problem.APP_NOT_CONFIGURED, False)),
        (Refusal.VERSION_NOT_GREATER, (Problem.VERSION_NOT_GREATER, False)),
        (Refusal.TOO_LARGE, (Problem.PACKAGE_TOO_LARGE, False)),
        (Refusal.BUILD_ERROR, (Problem.SOURCE_SYNTAX_ERROR, False)),
        (Refusal.SERVER_ERROR, (Problem.PUBLISH_CUT, True)),
        (Refusal.CONNECTION_CUT, (Problem.PUBLISH_CUT, True)),
    ],
)
def test_a_refused_upload_is_told_apart_from_one_that_was_cut_off(
    publishing: Publishing,
    douyin_order: PublishOrder,
    douyin: Douyin,
    refusal: Refusal,
    expected: tuple[Problem, bool],
) -> None:
    douyin.refuse(DOUYIN_APP_ID, refusal)
    failure = failed(publishing.publish(douyin_order))
    assert (failure.error.trouble.problem, failure.may_have_arrived) == expected
    assert douyin.current(DOUYIN_APP_ID) is None


def test_a_refused_login_is_told_in_the_platforms_words(
    publishing: Publishing, douyin_order: PublishOrder
) -> None:
    account = replace(douyin_order.account, credential=f"login\n{EMAIL}\nwrong")
    trouble = failed(publishing.publish(replace(douyin_order, account=account))).error.trouble
    assert trouble.problem is Problem.LOGIN_REFUSED
    assert trouble.parameters == {"detail": "帐号或密码错误"}


def test_an_upload_that_gets_no_code_has_succeeded(
    publishing: Publishing, douyin_order: PublishOrder, douyin: Douyin
) -> None:
    douyin.refuse(DOUYIN_APP_ID, Refusal.NO_QR_CODE)
    answer = publishing.publish(douyin_order)
    assert isinstance(answer, Result), answer
    assert [hint.id for hint in answer.hints] == ["hint.douyin_no_qr_code"]
    assert douyin.current(DOUYIN_APP_ID) == douyin.received[0]


def test_a_preview_that_gets_no_code_has_failed(
    publishing: Publishing, douyin_order: PublishOrder, douyin: Douyin
) -> None:
    douyin.refuse(DOUYIN_APP_ID, Refusal.NO_QR_CODE)
    failure = failed(publishing.publish(replace(douyin_order, kind=Kind.PREVIEW)))
    assert failure.error.trouble.problem is Problem.PLATFORM_REFUSED


def test_an_older_version_is_refused_before_sending(
    douyin_tool: Path, douyin_order: PublishOrder, douyin: Douyin, tmp_path: Path
) -> None:
    Publishing(douyin_tool, tmp_path / "one", driver=DRIVER).publish(douyin_order)
    second = Publishing(douyin_tool, tmp_path / "two", driver=DRIVER)
    trouble = failed(second.publish(replace(douyin_order, version="1.0.0"))).error.trouble
    assert trouble.problem is Problem.VERSION_NOT_GREATER
    assert trouble.parameters == {"version": "1.0.0", "last": "26.1122.0"}
    assert Ready() not in second.events
    assert len(douyin.received) == 1


def test_a_sub_package_that_is_too_large_is_refused_before_sending(
    publishing: Publishing, douyin_order: PublishOrder, douyin: Douyin
) -> None:
    (douyin_order.built / "sub" / "large.png").write_bytes(bytes(3 * 1024 * 1024))
    trouble = failed(publishing.publish(douyin_order)).error.trouble
    assert trouble.problem is Problem.PACKAGE_TOO_LARGE
    assert trouble.parameters == {"size": 3072, "limit": 2048}
    assert douyin.received == []


def test_a_platform_that_cannot_be_reached_is_told_before_anything_is_sent(
    publishing: Publishing, douyin_order: PublishOrder
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
    link = replace(douyin_order.link, proxy=address)
    failure = failed(publishing.publish(replace(douyin_order, link=link)))
    assert failure.error.trouble.problem is Problem.PLATFORM_UNREACHABLE
    assert not failure.may_have_arrived


def test_certificates_are_verified_behind_a_proxy_too(
    publishing: Publishing, douyin_order: PublishOrder, douyin: Douyin
) -> None:
    link = replace(douyin_order.link, extra_ca=None)
    trouble = failed(publishing.publish(replace(douyin_order, link=link))).error.trouble
    assert trouble.problem is Problem.PLATFORM_UNREACHABLE
    assert "certificate" in str(trouble.parameters["detail"])
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


def test_releases_of_two_apps_at_once_do_not_meet(
    douyin_tool: Path, douyin_order: PublishOrder, tmp_path: Path
) -> None:
    service = Douyin(tmp_path / "both")
    apps = [f"tt000000000000000{number}" for number in range(4)]
    for app in apps:
        service.register(app, f"token of {app}")
    with Simulator(tmp_path / "sim", [service]) as running, ThreadPoolExecutor(4) as pool:

        def publish(app: str) -> Result | Failure:
            scratch = tmp_path / app
            scratch.mkdir()
            order = replace(
                douyin_order,
                account=Account(app, f"token\ntoken of {app}"),
                link=Link(running.proxy_url, running.ca_file),
                built=write_files(tmp_path / f"built {app}", {**DOUYIN_PROJECT, "me.js": app}),
                scratch=scratch,
            )
            return Publishing(douyin_tool, scratch / "tools", driver=DRIVER).publish(order)

        answers = list(pool.map(publish, apps))
    assert all(isinstance(answer, Result) for answer in answers), answers
    assert {one.app_id: one.files["me.js"].decode() for one in service.received} == {
        app: app for app in apps
    }
    by_app = {code.app_id: code.short_url for code in service.codes}
    drawn = [answer.publication.qr_code for answer in answers if isinstance(answer, Result)]
    assert drawn == [qr_code(by_app[app]) for app in apps]
