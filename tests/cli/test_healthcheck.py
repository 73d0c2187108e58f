"""`mprelease healthcheck` says whether this machine's pages and worker work, by its exit code."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from mprelease.workspace.layout import Layout

Call = Callable[..., Any]


@contextmanager
def answering(status: int) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", None])
def test_pages_that_reach_their_database_are_healthy(
    call: Call, monkeypatch: pytest.MonkeyPatch, host: str | None
) -> None:
    if host:
        monkeypatch.setenv("MPRELEASE_HOST", host)
    with answering(200) as port:
        monkeypatch.setenv("MPRELEASE_PORT", str(port))
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        assert call("healthcheck").code == 0


def test_pages_without_their_database_are_not(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(503) as port:
        monkeypatch.setenv("MPRELEASE_PORT", str(port))
        answer = call("healthcheck")
    assert answer.code == 1
    assert answer.err.strip() == (
        f"http://localhost:{port}/readyz answers with status 503: the database is out of reach."
    )


def test_pages_that_do_not_answer_are_not(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(200) as port:
        pass
    monkeypatch.setenv("MPRELEASE_PORT", str(port))
    answer = call("healthcheck")
    assert answer.code == 1
    assert "does not answer: " in answer.err


def test_a_worker_is_healthy_while_it_ticks(call: Call, data: Path) -> None:
    tick = Layout(data).worker_tick
    assert "No worker has run in the data folder" in call("healthcheck", "--worker").err
    tick.touch()
    assert call("healthcheck", "--worker").code == 0
    minutes_ago = time.time() - 180
    os.utime(tick, (minutes_ago, minutes_ago))
    answer = call("healthcheck", "--worker")
    assert answer.code == 1
    assert answer.err.strip() == "The worker has ended, or stood still for 180 seconds."
