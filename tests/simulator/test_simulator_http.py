import logging
import time
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path

import httpx
import pytest

from mprelease.simulator.http import Form, InvalidRequest, Reply, Request, read_form
from mprelease.simulator.proxy import Simulator
from mprelease.simulator.vendor_service import Fault
from mprelease.simulator.wechat import WeChat
from wechat_client import APP_ID, HOST, http_client

PARTS = (
    b'--x\r\nContent-Disposition: form-data; name="remark"\r\n\r\n\xe6\x8f\x8f\xe8\xbf\xb0\r\n',
    b'--x\r\nContent-Disposition: form-data; name="empty"\r\n\r\n\r\n',
    (
        b'--x\r\nContent-Disposition: form-data; name="source"; filename="a.zip"\r\n'
        b"Content-Type: application/zip\r\n\r\n\x00\r\n--\xff\r\n"
    ),
)
END = b"--x--\r\n"


def form_request(body: bytes, content_type: str = "multipart/form-data; boundary=x") -> Request:
    return Request("PUT", "/", {}, body, "127.0.0.1", 0, {"content-type": content_type})


def test_a_form_has_fields_as_text_and_files_as_bytes() -> None:
    form = read_form(form_request(b"".join(PARTS) + END))
    assert form == Form({"remark": "描述", "empty": ""}, {"source": b"\x00\r\n--\xff"})


def test_a_file_of_a_form_may_be_larger_than_what_the_parser_keeps_in_memory_by_default() -> None:
    content = bytes(3 * 1024 * 1024)
    head = b'--x\r\nContent-Disposition: form-data; name="source"; filename="a.zip"\r\n\r\n'
    form = read_form(form_request(head + content + b"\r\n" + END))
    assert form.files == {"source": content}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{}", "cannot be read"),
        (b"", "incomplete"),
        (b"".join(PARTS), "incomplete"),
        ((b"".join(PARTS) + END)[:-4], "incomplete"),
        (PARTS[0] + PARTS[0] + END, "repeated"),
        (PARTS[2] + PARTS[2].replace(b'; filename="a.zip"', b"") + END, "not UTF-8"),
        (PARTS[0] + PARTS[2].replace(b"source", b"remark") + END, "repeated"),
        (b"--x\r\nContent-Type: text/plain\r\n\r\ntext\r\n" + END, "cannot be read"),
    ],
)
def test_a_body_that_is_not_a_whole_form_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        read_form(form_request(body))


@pytest.mark.parametrize("content_type", ["", "application/json", "multipart/form-data"])
def test_another_content_type_is_refused(content_type: str) -> None:
    with pytest.raises(InvalidRequest, match="not a form"):
        read_form(form_request(b"".join(PARTS) + END, content_type))


def test_a_fault_that_a_service_does_not_support_is_refused(wechat: WeChat) -> None:
    with pytest.raises(ValueError, match="WeChat does not support the fault token_expired"):
        wechat.set_fault(APP_ID, Fault.TOKEN_EXPIRED)


class Broken:
    """A service with a bug."""

    hosts = frozenset({"servicewechat.com"})

    def answer(self, request: Request) -> Reply:
        raise ZeroDivisionError(request.path)


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[httpx.Client]:
    with (
        Simulator(tmp_path, [Broken()]) as running,
        http_client(running.proxy_url, running.ca_file) as client,
    ):
        yield client


def test_a_bug_of_a_service_is_logged_and_answered_with_500(
    broken: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert broken.get(f"{HOST}/a%20b?c=1").status_code == 500
    (record,) = (each for each in caplog.records if each.levelno == logging.ERROR)
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "/a%20b"


def test_an_intended_fault_leaves_nothing_in_the_log(
    simulator: Simulator, wechat: WeChat, caplog: pytest.LogCaptureFixture
) -> None:
    answer = wechat.answer

    def cut(request: Request) -> Reply:
        reply = answer(request)
        return Reply(reply.body, is_cut=True)

    wechat.answer = cut  # type: ignore[method-assign]
    with (
        http_client(simulator.proxy_url, simulator.ca_file) as client,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        client.get(f"{HOST}/wxa/ci/getwhiteextlist")
    assert caplog.records == []


def test_small_replies_do_not_wait_for_an_acknowledgement(
    connection: HTTPSConnection,
) -> None:
    """With Nagle's algorithm and delayed acknowledgements most of these would take 40 ms."""
    seconds = []
    for _ in range(40):
        start = time.perf_counter()
        connection.request("GET", "/wxa/ci/getwhiteextlist")
        connection.getresponse().read()
        seconds.append(time.perf_counter() - start)
    assert sorted(seconds)[20] < 0.03
