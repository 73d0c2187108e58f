"""Requests end, whatever the other side sends, and what it sends is not kept without a limit."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alipay_samples import ALIPAY_APP_ID
from dripping_host import HEAD, DrippingHost
from mprelease.domain.errors import ReleaseCanceled, StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.worker_queries import WorkerQuery, WorkerQueryKind
from mprelease.engine.worker_queries import QueryEnvironment, QueryHandler
from mprelease.platforms import http
from mprelease.platforms.alipay import api
from mprelease.platforms.driver import Route
from mprelease.process.tree import Stop
from mprelease.services.context import ServiceContext

LENGTH = b"content-length: 90000000\r\n"
HEADERS_DRIP = (HEAD, b"x-a: b\r\n")
BODY_DRIPS = (HEAD + LENGTH + b"\r\n", b"x")
MEBI = 2**20

Started = Callable[..., DrippingHost]


@pytest.fixture
def started() -> Iterator[Started]:
    hosts: list[DrippingHost] = []

    def start(begin: bytes, more: bytes, seconds: float = 0.2) -> DrippingHost:
        hosts.append(DrippingHost(begin, more, seconds))
        return hosts[-1]

    yield start
    for host in hosts:
        host.close()


@pytest.mark.parametrize(("begin", "more"), [HEADERS_DRIP, BODY_DRIPS])
def test_a_host_that_sends_a_byte_now_and_then_is_left_after_a_while(
    started: Started, begin: bytes, more: bytes
) -> None:
    """Issue 12, numbers 5 and 32."""
    host = started(begin, more)
    began = time.monotonic()
    with (
        pytest.raises(StageFailed) as failure,
        http.client(Route(), host.url, seconds=1) as client,
    ):
        client.get("/")
    assert 0.9 < time.monotonic() - began < 5
    assert failure.value.problem_detail.problem is Problem.PLATFORM_UNREACHABLE
    assert failure.value.problem_detail.parameters["detail"] == "> 1 s"


@pytest.mark.parametrize(("begin", "more"), [HEADERS_DRIP, BODY_DRIPS])
def test_a_request_ends_at_once_when_it_is_asked_to(
    started: Started, begin: bytes, more: bytes
) -> None:
    """Issue 12, number 5."""
    host, stop = started(begin, more, 4), Stop()
    timer = threading.Thread(target=lambda: host.is_asked.wait(10) and stop.ask(ReleaseCanceled()))
    timer.start()
    began = time.monotonic()
    with pytest.raises(StageFailed), http.client(Route(), host.url, stop=stop) as client:
        client.get("/")
    assert time.monotonic() - began < 3
    timer.join()


def test_a_long_answer_is_not_read_to_its_end(started: Started) -> None:
    """Issue 12, number 32."""
    host = started(BODY_DRIPS[0], b"1" * MEBI, 0)
    with pytest.raises(StageFailed) as failure, http.client(Route(), host.url) as client:
        client.get("/")
    assert failure.value.problem_detail.parameters["detail"] == f"> {4 * MEBI} bytes"


@pytest.mark.lasting
def test_a_compressed_answer_may_not_become_too_long_either(started: Started) -> None:
    """Issue 12, number 32."""
    packed = gzip.compress(bytes(400 * MEBI))
    head = HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    host = started(head + packed, b"")
    with pytest.raises(StageFailed), http.client(Route(), host.url) as client:
        client.get("/")


def test_the_page_with_the_address_is_read_only_as_far_as_an_address_goes(
    started: Started, services: ServiceContext, tmp_path: Path
) -> None:
    """Issue 12, number 32: 300 MB of it took 900 MB of memory."""
    host = started(BODY_DRIPS[0], b"1" * MEBI, 0)
    environment = QueryEnvironment(tmp_path, {}, Route(), host.url)
    answer = QueryHandler(services, environment).answer(WorkerQuery(WorkerQueryKind.ADDRESS))
    assert answer.problem_detail
    assert answer.problem_detail.problem is Problem.ADDRESS_UNKNOWN
    assert "65536" in str(answer.problem_detail.parameters["detail"])


def test_the_download_of_a_compiler_ends_with_its_release(
    started: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 12, number 5: it went on after a cancel, a time limit and SIGTERM."""
    config = b'{"data":{"schedule":{"builder":{"cube-build":"0.100.12"}}}}'
    length = b"content-length: %d\r\nconnection: close\r\n\r\n" % len(config)
    named = started(HEAD + length + config, b"")
    archive, stop = started(*BODY_DRIPS, 4), Stop()
    monkeypatch.setattr(api, "_COMPILER_CONFIG", f"{named.url}/config")
    monkeypatch.setattr(api, "_COMPILER_ARCHIVE", f"{archive.url}/{{}}-{{}}.tgz")
    timer = threading.Thread(
        target=lambda: archive.is_asked.wait(10) and stop.ask(ReleaseCanceled())
    )
    timer.start()
    began = time.monotonic()
    folder = tmp_path / "compilers"
    assert not api.keep_compiler(ALIPAY_APP_ID, Route(), folder, "2.2.5", stop)
    assert time.monotonic() - began < 3
    assert archive.is_asked.is_set()
    assert list(tmp_path.iterdir()) == []
    timer.join()
