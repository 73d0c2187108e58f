"""Follow a release on a server: each line once and in order, across lost connections."""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.sync.client import ClientConnection, connect

from mprelease.domain.errors import Refused
from mprelease.domain.logs import START, LogLine, Position
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Release, StageState
from mprelease.remote.api_client import ApiClient, ServerLost
from mprelease.remote.parsing import lines_of, listed_lines_of, release_of, state_of

_TIMEOUT_SECONDS = 600.0
_POLL_SECONDS = 1.0
# The server sends a keep-alive message every 15 s.
_SILENCE_SECONDS = 45.0
# The end of a stage may arrive a little before the stage's last lines.
_QUIET_SECONDS = 0.3
# A socket without messages about the release is replaced: after so long if the release has ended,
# because the end of its log arrives at once, and else after so long.
_STALE_AFTER_END_SECONDS = 3.0
_STALE_SECONDS = 30.0
_OPEN_SECONDS = 10.0


class ConnectionEvent(StrEnum):
    """An event of the connection; CUT means that lines received before are invalid."""

    LOST = "cli.server_lost"
    BACK = "cli.server_back"
    CUT = "cli.lines_lost"


@dataclass(frozen=True)
class ReleaseUpdate:
    """The present state of a release, and the lines since the last update."""

    release: Release
    lines: list[LogLine]


class ReleaseWatch:
    """Iterate over the updates of one release until its end."""

    def __init__(
        self, server: ApiClient, release: Release, on_event: Callable[[ConnectionEvent], None]
    ) -> None:
        """Take the release's last known state; `on_event` gets the connection's events."""
        self._server = server
        self._release = release
        self._on_event = on_event
        self._position = START
        self._lost_at = math.inf
        self._is_over = False

    def __iter__(self) -> Iterator[ReleaseUpdate]:
        """Yield updates as they arrive; raise Refused if the server refuses, or is lost."""
        while not self._is_over:
            with suppress(ConnectionClosed, InvalidHandshake, OSError, TimeoutError):
                yield from self._from_socket()
            # Read what the socket has missed, or everything where a proxy blocks web sockets.
            if not self._is_over:
                yield from self._from_api()
        yield ReleaseUpdate(self._ended(), [])

    def _from_socket(self) -> Iterator[ReleaseUpdate]:
        """Yield updates from the socket until the end of the log, or until the socket is stale."""
        with self._connected() as socket:
            position = {"attempt": self._position.attempt, "line": self._position.line}
            socket.send(json.dumps({"log": self._release.id, "states": True, **position}))
            pending = None
            received_at = updated_at = time.monotonic()
            while not (self._is_over or self._is_stale(updated_at)):
                try:
                    message = json.loads(socket.recv(_QUIET_SECONDS))
                except TimeoutError:
                    if time.monotonic() - received_at > _SILENCE_SECONDS:
                        raise
                    if pending:
                        self._release, pending = state_of(self._release, pending), None
                        yield ReleaseUpdate(self._release, [])
                    continue
                received_at = time.monotonic()
                state = self._state_in(message)
                pending = state or pending
                if state or "passages" in message:
                    updated_at = received_at
                if "passages" in message:
                    yield self._with_log(message)

    def _is_stale(self, updated_at: float) -> bool:
        """Return whether a socket without an update since then may have missed the end."""
        silence = time.monotonic() - updated_at
        is_final = self._release.state.is_final
        return silence > (_STALE_AFTER_END_SECONDS if is_final else _STALE_SECONDS)

    def _connected(self) -> ClientConnection:
        server = self._server
        is_secure = server.socket_url.startswith("wss:")
        try:
            return connect(
                server.socket_url,
                additional_headers=server.authorization,
                ssl=server.trust if is_secure else None,
                open_timeout=_OPEN_SECONDS,
                close_timeout=1,
                max_size=None,
            )
        except InvalidURI:
            raise Refused(Problem.SERVER_UNREACHABLE, url=server.url, detail="URL?") from None

    def _state_in(self, message: Any) -> Any:
        matching = (one for one in message.get("states", ()) if one["id"] == self._release.id)
        return next(matching, None)

    def _with_log(self, message: Any) -> ReleaseUpdate:
        self._on_connected()
        if message["cut"]:
            self._position = Position(*message["cut"])
            self._on_event(ConnectionEvent.CUT)
        lines = lines_of(message["passages"])
        self._is_over = message["over"]
        return self._update(lines)

    def _from_api(self) -> Iterator[ReleaseUpdate]:
        path = f"/releases/{self._release.id}"
        try:
            position = {"attempt": self._position.attempt, "line": self._position.line}
            log = self._server.get(f"{path}/log", **position)
            self._release = release_of(self._server.get(path))
        except ServerLost:
            self._on_lost()
            return
        self._on_connected()
        self._is_over = log["is_over"]
        yield self._update(listed_lines_of(log["items"]))
        if not (self._is_over or log["items"]):
            time.sleep(_POLL_SECONDS)

    def _update(self, lines: list[LogLine]) -> ReleaseUpdate:
        if lines:
            self._position = lines[-1].position
        started = {line.stage for line in lines}
        stages = tuple(
            replace(one, state=StageState.RUNNING)
            if one.name in started and one.state is StageState.PENDING
            else one
            for one in self._release.stages
        )
        self._release = replace(self._release, stages=stages)
        return ReleaseUpdate(self._release, lines)

    def _ended(self) -> Release:
        while True:
            try:
                return release_of(self._server.get(f"/releases/{self._release.id}"))
            except ServerLost:
                self._on_lost()

    def _on_lost(self) -> None:
        now = time.monotonic()
        if self._lost_at == math.inf:
            self._lost_at = now
            self._on_event(ConnectionEvent.LOST)
        if now - self._lost_at > _TIMEOUT_SECONDS:
            raise Refused(Problem.SERVER_LOST, url=self._server.url, release=self._release.id)
        time.sleep(_POLL_SECONDS)

    def _on_connected(self) -> None:
        if self._lost_at != math.inf:
            self._lost_at = math.inf
            self._on_event(ConnectionEvent.BACK)
