"""uvicorn's protocols with limits: by themselves they wait for a silent peer for ever."""

import asyncio
from contextlib import suppress
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from mprelease.web.connection_limits import ConnectionGuard, Phase, Tracked

_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
# How old the Date of an answer may be.
_TICK_SECONDS = 1.0
# States of h11; their `str` is the name.
_PHASES = {"IDLE": Phase.HEAD, "SEND_BODY": Phase.BODY}


class GuardedConfig(uvicorn.Config):
    """uvicorn's configuration, with the guard of its connections."""

    def __init__(self, app: Any, guard: ConnectionGuard, **more: Any) -> None:
        """Take uvicorn's arguments, and the guard."""
        super().__init__(app, http=GuardedHttp, ws=GuardedSocket, **more)
        self.guard = guard


class QuietServer(uvicorn.Server):
    """uvicorn's server, without looking ten times a second whether it should exit."""

    _wants_exit = False
    _loop: asyncio.AbstractEventLoop | None = None
    _exit: asyncio.Event

    @property
    def should_exit(self) -> bool:
        """Return whether the server ends; set in a signal handler or from another thread."""
        return self._wants_exit

    @should_exit.setter
    def should_exit(self, wanted: bool) -> None:
        self._wants_exit = wanted
        if wanted and self._loop:
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._exit.set)

    async def main_loop(self) -> None:
        """Set the time for answers every second, until the server should exit."""
        self._loop, self._exit = asyncio.get_running_loop(), asyncio.Event()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._exit.wait(), _TICK_SECONDS)


class _Guarded(asyncio.Protocol):
    """The common part of both protocols: report their state to the guard."""

    config: Any
    client: tuple[str, int] | None
    loop: asyncio.AbstractEventLoop
    tracked: Tracked | None = None

    @property
    def guard(self) -> ConnectionGuard:
        """Return the guard of this server."""
        guard: ConnectionGuard = self.config.guard
        return guard

    @property
    def address(self) -> str:
        """Return the peer's IP address; empty for a Unix socket."""
        return self.client[0] if self.client else ""

    def enter(self, phase: Phase) -> None:
        """Set what the server is waiting for, from now on."""
        if self.tracked and self.tracked.phase is not phase:
            self.tracked.phase, self.tracked.since = phase, self.loop.time()

    def pause_writing(self) -> None:
        """Record that the peer does not read."""
        super().pause_writing()
        if self.tracked:
            self.tracked.paused_since = self.loop.time()

    def resume_writing(self) -> None:
        """Record that the peer reads again."""
        super().resume_writing()
        if self.tracked:
            self.tracked.paused_since = None


class GuardedHttp(_Guarded, H11Protocol):
    """HTTP on a connection that is closed if it keeps the server waiting."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Track the connection, or refuse it with status 503."""
        super().connection_made(transport)
        self.tracked = self.guard.opened(self.guard.requests, transport, self.address)
        if self.tracked is None:
            self._refuse()
        else:
            # Reading begins in the next iteration of the event loop: count in the one after it.
            self.loop.call_soon(self.loop.call_soon, self._count)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop tracking the connection."""
        self.guard.closed(self.guard.requests, self.tracked)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read data, and update what the server is waiting for."""
        if self._count():
            super().data_received(data)
            self._update_phase()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._update_phase()

    def handle_websocket_upgrade(self, event: Any) -> None:
        """Switch to the WebSocket protocol, or refuse it with status 503 beyond the limits."""
        if self.guard.make_room(self.guard.sockets, self.address):
            self.guard.closed(self.guard.requests, self.tracked)
            super().handle_websocket_upgrade(event)
        else:
            self._refuse()

    def _count(self) -> bool:
        """Count the connection; refuse it and return False beyond the limits."""
        if self.tracked is None or self.transport.is_closing():
            return False
        if not self.guard.count(self.guard.requests, self.tracked):
            self._refuse()
            return False
        return True

    def _refuse(self) -> None:
        self.transport.write(_REFUSAL)
        self.transport.close()

    def _update_phase(self) -> None:
        self.enter(_PHASES.get(str(self.conn.their_state), Phase.NOTHING))


class GuardedSocket(_Guarded, WebSocketsSansIOProtocol):
    """A WebSocket that is closed if it is not accepted in time, or its peer does not read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Track and count the connection; `make_room` has allowed it."""
        super().connection_made(transport)
        self.tracked = self.guard.opened(self.guard.sockets, self.transport, self.address)
        if self.tracked:
            self.guard.count(self.guard.sockets, self.tracked)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop tracking the connection."""
        self.guard.closed(self.guard.sockets, self.tracked)
        super().connection_lost(exc)

    def start_keepalive(self) -> None:
        """Stop the timeout of the handshake: the socket was accepted."""
        super().start_keepalive()
        self.enter(Phase.NOTHING)
