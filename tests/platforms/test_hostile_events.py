"""What a process that publishes may say, when content of a project has taken it over."""

import io
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from alipay_samples import ALIPAY_DRIVER
from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind
from mprelease.platforms.douyin.driver import DouyinDriver
from mprelease.platforms.driver import (
    Driver,
    Event,
    Failure,
    Loaded,
    Progress,
    Ready,
    Result,
    ToolDownload,
)
from mprelease.platforms.images import LARGEST_BYTES, QR_CODE
from mprelease.platforms.wechat.driver import WeChatDriver
from publishing import ORDER

pytestmark = pytest.mark.lasting

DRIVERS: tuple[Driver, ...] = (WeChatDriver(), ALIPAY_DRIVER, DouyinDriver())
RESULTS: dict[str, dict[str, Any]] = {
    "wechat": {"sizes": [], "plugins": [], "devPluginId": None},
    "alipay": {"sizes": None, "code": {"address": "https://code/1", "written": True}},
    "douyin": {
        "sizes": {"total": 1, "main": {"size": 1}, "sub": []},
        "shortUrl": "https://z/1",
        "expireTime": -1,
    },
}
PREVIEW = replace(ORDER, kind=Kind.PREVIEW)
DRAWING = (WeChatDriver(), ALIPAY_DRIVER)
every_driver = pytest.mark.parametrize("driver", DRIVERS, ids=lambda each: each.platform)
every_drawing_driver = pytest.mark.parametrize("driver", DRAWING, ids=lambda each: each.platform)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)


def line(event: object, **facts: object) -> str:
    return json.dumps({"event": event, **facts})


def result_of(driver: Driver, **facts: object) -> str:
    return line("result", **{**RESULTS[driver.platform], **facts})


def image(kind: str, size: tuple[int, int] = (40, 40)) -> bytes:
    drawn = io.BytesIO()
    Image.new("L", size).save(drawn, kind)
    return drawn.getvalue()


def code_in(event: Event) -> tuple[bytes | None, str]:
    """The QR code of an answer, if it has one."""
    if isinstance(event, Failure):
        assert event.error.problem_detail.problem is Problem.QR_CODE_UNREADABLE
        return None, ""
    assert isinstance(event, Result)
    return event.publication.qr_code, event.publication.qr_code_type


@every_driver
def test_what_belongs_to_no_platform_is_read_the_same(driver: Driver) -> None:
    assert driver.event(line("loaded"), None) == Loaded()
    assert driver.event(line("progress", text="x"), None) == Progress("x")
    assert driver.event(line("ready"), ORDER) == Ready()


@every_driver
@pytest.mark.parametrize("event", ["ready", "result", "error", "fetched"])
def test_nothing_can_become_of_an_order_that_nobody_has_given(driver: Driver, event: str) -> None:
    with pytest.raises(StageFailed) as refused:
        driver.event(line(event, **RESULTS[driver.platform]), None)
    assert refused.value.problem_detail.problem is Problem.PUBLISH_EVENT_UNREADABLE


@every_driver
@pytest.mark.parametrize(
    "text",
    [
        "[info] chatter",
        "",
        "null",
        "[]",
        "7",
        "{}",
        line("unheard-of"),
        line(7),
        line(["result"]),
        line("progress"),
        line("progress", text=7),
        line("progress", text="x" * 8001),
        line("error", message=None),
        line("error", message="x", sent="no", code=None, path=None, reply=None),
        "[" * 60_000,
        '{"event":' + "9" * 60_000 + "}",
        '{"event":"result","sizes":' + '{"a":' * 9_000 + "1" + "}" * 9_000 + "}",
    ],
    ids=lambda text: text[:24],
)
def test_a_line_that_is_no_event_fails_the_release_in_one_sentence(
    driver: Driver, text: str
) -> None:
    with pytest.raises(StageFailed) as refused:
        driver.event(text, ORDER)
    assert refused.value.problem_detail.problem is Problem.PUBLISH_EVENT_UNREADABLE
    assert len(str(refused.value.problem_detail.parameters["detail"])) < 400


HUGE: dict[str, list[dict[str, Any]]] = {
    "wechat": [
        {"sizes": [{"name": "x", "size": "10"}]},
        {"sizes": [{"name": "x", "size": -1}]},
        {"sizes": [{"name": "x", "size": 1e300}]},
        {"sizes": [{"name": "x", "size": True}]},
        {"sizes": [{"name": f"{number}", "size": 1} for number in range(1001)]},
        {"sizes": {"name": "x"}},
        {"plugins": None},
    ],
    "alipay": [
        {"sizes": {"main": 1, "packages": {"a": float("nan")}}},
        {"sizes": {"main": 1, "packages": {f"{number}": 1 for number in range(1001)}}},
        {"sizes": {"main": 10**30, "packages": {}}},
        {"sizes": []},
        {"code": "https://code/1"},
        {"code": {"address": None, "written": False}},
    ],
    "douyin": [
        {"shortUrl": "x" * 501},
        {"shortUrl": ""},
        {"shortUrl": 7},
        {"expireTime": 10**18},
        {"expireTime": "soon"},
        {"sizes": None},
    ],
}


@pytest.mark.parametrize(
    ("driver", "facts"),
    [(driver, facts) for driver in DRIVERS for facts in HUGE[driver.platform]],
    ids=lambda each: str(each)[:40],
)
def test_a_result_with_facts_of_another_shape_is_none(
    driver: Driver, facts: dict[str, Any]
) -> None:
    with pytest.raises(StageFailed) as refused:
        driver.event(result_of(driver, **facts), ORDER)
    assert refused.value.problem_detail.problem is Problem.PUBLISH_EVENT_UNREADABLE


@every_driver
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(facts=st.dictionaries(st.sampled_from(["sizes", "code", "sent", "message"]), anything))
def test_whatever_is_said_it_is_an_event_or_none(driver: Driver, facts: dict[str, Any]) -> None:
    for event in ("result", "error", "progress"):
        text = line(event, **{**RESULTS[driver.platform], **facts})
        assert event_kind(driver, text) in {Result, Failure, Progress, None}


def event_kind(driver: Driver, text: str) -> type[Event] | None:
    """The kind of event in a line; None where it is refused as it should be."""
    try:
        return type(driver.event(text, ORDER))
    except StageFailed as refused:
        is_reported = refused.problem_detail.problem is Problem.PUBLISH_EVENT_UNREADABLE
        return None if is_reported else Ready


@every_driver
def test_what_the_order_says_is_not_asked_of_the_process(driver: Driver) -> None:
    mine = driver.event(result_of(driver), ORDER)
    forged = {"kind": "preview", "appId": "wxffffffffffffffff", "robot": 1, "version": "9.9.9"}
    assert driver.event(result_of(driver, **forged, qrCode="/etc/hostname"), ORDER) == mine


def test_a_download_of_the_tool_is_told_without_a_place() -> None:
    event_line = line("fetched", name="../../x", folder="/etc", files={"passwd": "0"})
    assert ALIPAY_DRIVER.event(event_line, ORDER) == ToolDownload()


@every_drawing_driver
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_code_is_shown_as_its_bytes_say(driver: Driver, tmp_path: Path, kind: str) -> None:
    (tmp_path / QR_CODE).write_bytes(image(kind))
    answer = driver.event(result_of(driver), replace(PREVIEW, scratch=tmp_path))
    assert code_in(answer) == (image(kind), f"image/{kind.lower()}")


@every_drawing_driver
def test_a_path_that_the_process_names_is_not_opened(driver: Driver, tmp_path: Path) -> None:
    secret = tmp_path / "master.key"
    secret.write_bytes(image("PNG"))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    event_line = result_of(driver, qrCode=str(secret), folder=str(tmp_path))
    assert code_in(driver.event(event_line, replace(PREVIEW, scratch=scratch)))[0] is None


def _link(place: Path, secret: Path) -> None:
    place.symlink_to(secret)


def _second_name(place: Path, secret: Path) -> None:
    os.link(secret, place)


def _pipe(place: Path, _secret: Path) -> None:
    os.mkfifo(place)


def _folder(place: Path, _secret: Path) -> None:
    place.mkdir()


def _too_long(place: Path, _secret: Path) -> None:
    place.write_bytes(image("PNG") + bytes(LARGEST_BYTES))


def _endless(place: Path, _secret: Path) -> None:
    place.write_bytes(image("PNG"))
    os.truncate(place, 2**40)


def _text(place: Path, _secret: Path) -> None:
    place.write_bytes(b"-----BEGIN PRIVATE KEY-----")


def _vector(place: Path, _secret: Path) -> None:
    place.write_bytes(b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>')


def _other_format(place: Path, _secret: Path) -> None:
    place.write_bytes(image("GIF"))


def _large(place: Path, _secret: Path) -> None:
    place.write_bytes(image("PNG", (8000, 8000)))


def _huge(place: Path, _secret: Path) -> None:
    place.write_bytes(_png_of(50_000))


def _png_of(side: int) -> bytes:
    """A few bytes that stand for a picture of that width and height."""
    content = bytearray(image("PNG"))
    content[16:24] = side.to_bytes(4) * 2
    return bytes(content)


def _cut(place: Path, _secret: Path) -> None:
    place.write_bytes(image("PNG")[:40])


@every_drawing_driver
@pytest.mark.parametrize(
    "plant",
    [
        _link,
        _second_name,
        _pipe,
        _folder,
        _too_long,
        _endless,
        _text,
        _vector,
        _other_format,
        _large,
        _huge,
        _cut,
    ],
)
def test_what_is_no_small_picture_of_its_own_is_not_shown(
    driver: Driver, tmp_path: Path, plant: Any
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(image("PNG"))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    plant(scratch / QR_CODE, secret)
    answer = driver.event(result_of(driver), replace(PREVIEW, scratch=scratch))
    assert code_in(answer)[0] is None


@every_drawing_driver
def test_a_scratch_folder_that_has_become_a_link_is_not_followed(
    driver: Driver, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / QR_CODE).write_bytes(image("PNG"))
    (tmp_path / "scratch").symlink_to(elsewhere)
    order = replace(PREVIEW, scratch=tmp_path / "scratch")
    assert code_in(driver.event(result_of(driver), order))[0] is None


@every_driver
def test_a_path_out_of_the_project_is_named_unless_something_was_sent(driver: Driver) -> None:
    error = {"message": "File not found: /etc/shadow", "path": None, "code": None}
    event_line = line("error", **error, outside="/etc/shadow", sent=False, reply=None, task=None)
    failure = driver.event(event_line, ORDER)
    assert isinstance(failure, Failure)
    assert failure.error.problem_detail.problem is Problem.PROJECT_PATH_OUTSIDE
    assert failure.error.problem_detail.parameters["path"] == "/etc/shadow"
