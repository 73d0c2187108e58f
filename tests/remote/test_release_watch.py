"""The command line has each line once and in order, however often the connection breaks."""

import json
from collections.abc import Iterator
from itertools import count
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosedError

from mprelease.domain.logs import LogLine
from mprelease.domain.releases import Stage, State
from mprelease.remote import release_watch
from mprelease.remote.api_client import ApiClient, ServerLost
from mprelease.remote.parsing import release_of
from mprelease.remote.release_watch import ReleaseWatch

LOG = [(1, n) for n in range(1, 8)] + [(2, n) for n in range(1, 6)]
# These were said in the first attempt, and died with their writer.
PHANTOMS = [(1, 8), (1, 9)]
DOCUMENT = {
    **dict.fromkeys(("app", "ref", "requested_by", "description"), "x"),
    "id": 7,
    "platform": "wechat",
    "kind": "preview",
    "environment": "production",
    "state": "running",
    "robot": 1,
    "attempt": 1,
    "compile_settings": {},
    "warnings": [],
    **dict.fromkeys(("version", "start_page", "query", "scene", "commit", "sizes", "error")),
    **dict.fromkeys(("failed_stage", "ref_name", "started_at", "ended_at")),
    "created_at": "2026-11-23T00:00:00Z",
    "stages": [
        {"name": name, "state": "pending", "started_at": None, "ended_at": None, "cached": False}
        for name in Stage
    ],
}


class ScriptedServer(ApiClient):
    """A server that answers by a script: a number of lines, or for 0 not at all."""

    script: Iterator[int]

    def get(self, path: str, **parameters: str | int) -> Any:
        count = next(self.script, 9)
        if count == 0:
            raise ServerLost("gone")
        if not path.endswith("/log"):
            return {**DOCUMENT, "state": "succeeded"}
        after = (int(parameters["attempt"]), int(parameters["line"]))
        lines = [one for one in LOG if one > after][:count]
        items = [
            {"attempt": attempt, "line": line, "stage": "build", "text": f"{attempt}-{line}"}
            for attempt, line in lines
        ]
        return {"items": items, "is_over": not lines}


class Socket:
    """A socket that sends a number of lines by a script, and breaks for 0."""

    def __init__(self, script: Iterator[int]) -> None:
        self.script = script
        self.after = (0, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def send(self, text: str) -> None:
        request = json.loads(text)
        self.after = (request["attempt"], request["line"])

    def recv(self, timeout: float) -> str:
        count = next(self.script, 9)
        if count == 0:
            raise ConnectionClosedError(None, None)
        if count == 5:
            raise TimeoutError
        if self.after == (1, 7) and count == 4:
            return self.line_written([*PHANTOMS])
        if self.after in PHANTOMS:
            return self.line_written([one for one in LOG if one > self.after][:count], cut=[1, 7])
        return self.line_written([one for one in LOG if one > self.after][:count])

    def line_written(self, lines: list[tuple[int, int]], cut: list[int] | None = None) -> str:
        if lines:
            self.after = lines[-1]
        passages = [[attempt, line, "build", [f"{attempt}-{line}"]] for attempt, line in lines]
        return json.dumps({"passages": passages, "cut": cut, "over": not lines})


@given(script=st.lists(st.integers(0, 6), max_size=60))
def test_each_line_comes_once_and_in_order(script: list[int]) -> None:
    numbers = iter(script)
    server = ScriptedServer("http://elsewhere", "token", "en")
    object.__setattr__(server, "script", numbers)
    shown: list[LogLine] = []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(release_watch, "connect", lambda *_, **__: Socket(numbers))
        patch.setattr(release_watch.time, "sleep", lambda _: None)
        for update in ReleaseWatch(server, release_of(DOCUMENT), lambda _: None):
            shown += update.lines
            ended = update.release
    lines = [(line.position.attempt, line.position.line) for line in shown]
    assert [line for line in lines if line not in PHANTOMS] == LOG
    assert ended.state is State.SUCCEEDED


class Silenced(Socket):
    """A socket whose log task has died: it tells that it lives, and how the release stands."""

    def __init__(self, state: str) -> None:
        super().__init__(iter(()))
        self.document_state = json.dumps({"states": [{"id": 7, "state": state, "stages": []}]})
        self.count = 0

    def recv(self, timeout: float) -> str:
        self.count += 1
        assert self.count < 1000, "it waits for ever"
        if self.count == 1:
            return self.document_state
        if self.count % 2:
            return json.dumps({"alive": True})
        raise TimeoutError


@pytest.mark.parametrize("state", ["succeeded", "running"])
def test_a_socket_that_never_tells_the_end_is_left_for_the_stored_state(state: str) -> None:
    """Issue 12, number 1."""
    server = ScriptedServer("http://elsewhere", "token", "en")
    object.__setattr__(server, "script", iter(()))
    clock = count()
    shown: list[LogLine] = []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(release_watch, "connect", lambda *_, **__: Silenced(state))
        patch.setattr(release_watch.time, "sleep", lambda _: None)
        patch.setattr(release_watch.time, "monotonic", lambda: float(next(clock)))
        for update in ReleaseWatch(server, release_of(DOCUMENT), lambda _: None):
            shown += update.lines
            ended = update.release
    assert [(line.position.attempt, line.position.line) for line in shown] == LOG
    assert ended.state is State.SUCCEEDED
