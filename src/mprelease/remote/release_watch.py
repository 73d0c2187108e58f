"""Watch a release at a server: each line once and in order, whatever happens to the connection."""

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
from mprelease.remote.reading import lines_of, listed_lines_of, release_of, state_of
from mprelease.remote.server import Server, ServerLost

_TIMEOUT_SECONDS = 600.0
_POLL_SECONDS = 1.0
# The server says every 15 s that it lives.
_SILENCE_SECONDS = 45.0
# A stage's end may be told a little before its last lines.
_QUIET_SECONDS = 0.3
# The log tells its end at once. A socket that does not, of a release that has ended, is left; and
# one that tells of nothing else than that it lives is doubted so often.
_LATE_SECONDS = 3.0
_DOUBT_SECONDS = 30.0
_OPEN_SECONDS = 10.0


class ConnectionEvent(StrEnum):
    """What happened to the connection, or to what was heard."""

    LOST = "cli.server_lost"
    BACK = "cli.server_back"
    CUT = "cli.lines_lost"


@dataclass(frozen=True)
class ReleaseUpdate:
    """How a release stands, with the lines that have come since the last time."""

    release: Release
    lines: list[LogLine]


class ReleaseWatch:
    """Iterate over what is heard of one release until its end."""

    def __init__(
        self, server: Server, release: Release, tell: Callable[[ConnectionEvent], None]
    ) -> None:
        """Take the release as it stood; `tell` hears what happens to the connection."""
        self._server = server
        self._release = release
        self._tell = tell
        self._position = START
        self._lost_at = math.inf
        self._is_over = False

    def __iter__(self) -> Iterator[ReleaseUpdate]:
        """Yield as soon as there is something; raise Refused where there is nothing to hear."""
        while not self._is_over:
            with suppress(ConnectionClosed, InvalidHandshake, OSError, TimeoutError):
                yield from self._by_socket()
            # What came meanwhile is stored; and where no socket passes, everything comes this way.
            if not self._is_over:
                yield from self._by_asking()
        yield ReleaseUpdate(self._ended(), [])

    def _by_socket(self) -> Iterator[ReleaseUpdate]:
        """Yield what the socket tells, until the end of the log or of the socket's worth."""
        with self._connected() as socket:
            wish = {"attempt": self._position.attempt, "line": self._position.line}
            socket.send(json.dumps({"log": self._release.id, "states": True, **wish}))
            waiting = None
            heard_at = told_at = time.monotonic()
            while not (self._is_over or self._is_doubtful(told_at)):
                try:
                    told = json.loads(socket.recv(_QUIET_SECONDS))
                except TimeoutError:
                    if time.monotonic() - heard_at > _SILENCE_SECONDS:
                        raise
                    if waiting:
                        self._release, waiting = state_of(self._release, waiting), None
                        yield ReleaseUpdate(self._release, [])
                    continue
                heard_at = time.monotonic()
                standing = self._standing(told)
                waiting = standing or waiting
                if standing or "passages" in told:
                    told_at = heard_at
                if "passages" in told:
                    yield self._heard(told)

    def _is_doubtful(self, told_at: float) -> bool:
        """Tell whether a socket that has told nothing of the release since then lacks its end."""
        silence = time.monotonic() - told_at
        return silence > (_LATE_SECONDS if self._release.state.is_final else _DOUBT_SECONDS)

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

    def _standing(self, told: Any) -> Any:
        mine = (one for one in told.get("states", ()) if one["id"] == self._release.id)
        return next(mine, None)

    def _heard(self, told: Any) -> ReleaseUpdate:
        self._is_back()
        if told["cut"]:
            self._position = Position(*told["cut"])
            self._tell(ConnectionEvent.CUT)
        lines = lines_of(told["passages"])
        self._is_over = told["over"]
        return self._moved(lines)

    def _by_asking(self) -> Iterator[ReleaseUpdate]:
        path = f"/releases/{self._release.id}"
        try:
            position = {"attempt": self._position.attempt, "line": self._position.line}
            told = self._server.get(f"{path}/log", **position)
            self._release = release_of(self._server.get(path))
        except ServerLost:
            self._is_lost()
            return
        self._is_back()
        self._is_over = told["is_over"]
        yield self._moved(listed_lines_of(told["items"]))
        if not (self._is_over or told["items"]):
            time.sleep(_POLL_SECONDS)

    def _moved(self, lines: list[LogLine]) -> ReleaseUpdate:
        if lines:
            self._position = lines[-1].position
        begun = {line.stage for line in lines}
        stages = tuple(
            replace(one, state=StageState.RUNNING)
            if one.name in begun and one.state is StageState.PENDING
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
                self._is_lost()

    def _is_lost(self) -> None:
        now = time.monotonic()
        if self._lost_at == math.inf:
            self._lost_at = now
            self._tell(ConnectionEvent.LOST)
        if now - self._lost_at > _TIMEOUT_SECONDS:
            raise Refused(Problem.SERVER_LOST, url=self._server.url, release=self._release.id)
        time.sleep(_POLL_SECONDS)

    def _is_back(self) -> None:
        if self._lost_at != math.inf:
            self._lost_at = math.inf
            self._tell(ConnectionEvent.BACK)
