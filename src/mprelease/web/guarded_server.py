"""Serve with uvicorn, whose protocols alone would wait for ever for a peer that is silent."""

import asyncio
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from mprelease.web.connection_limits import ConnectionGuard, Phase, Tracked

_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
# h11's states are classes that are named as they are shown.
_PHASES = {"IDLE": Phase.HEAD, "SEND_BODY": Phase.BODY}


class GuardedConfig(uvicorn.Config):
    """A server's configuration, with the guard of its connections."""

    def __init__(self, app: Any, guard: ConnectionGuard, **more: Any) -> None:
        """Take what uvicorn takes, and the guard."""
        super().__init__(app, http=GuardedHttp, ws=GuardedSocket, **more)
        self.guard = guard


class _Guarded(asyncio.Protocol):
    """What both protocols tell the guard."""

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
        """Return the peer's address, nothing for a local socket."""
        return self.client[0] if self.client else ""

    def enter(self, phase: Phase) -> None:
        """Tell what the server waits for."""
        if self.tracked and self.tracked.phase is not phase:
            self.tracked.phase, self.tracked.since = phase, self.loop.time()

    def pause_writing(self) -> None:
        """Tell that the peer takes nothing."""
        super().pause_writing()
        if self.tracked:
            self.tracked.paused_since = self.loop.time()

    def resume_writing(self) -> None:
        """Tell that it does."""
        super().resume_writing()
        if self.tracked:
            self.tracked.paused_since = None


class GuardedHttp(_Guarded, H11Protocol):
    """HTTP on a connection that is closed when it keeps the server waiting."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Track the connection, or refuse it."""
        super().connection_made(transport)
        self.tracked = self.guard.opened(self.guard.requests, transport, self.address)
        if self.tracked is None:
            self._refuse()
        else:
            # The transport is read from the next turn of the loop on; then it has had its chance.
            self.loop.call_soon(self.loop.call_soon, self._count)

    def connection_lost(self, exc: Exception | None) -> None:
        """Track it no more."""
        self.guard.closed(self.guard.requests, self.tracked)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read, and see how much of the request has come."""
        if self._count():
            super().data_received(data)
            self._follow()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._follow()

    def handle_websocket_upgrade(self, event: Any) -> None:
        """Hand the connection over to a socket, if there is room for one."""
        if self.guard.make_room(self.guard.sockets, self.address):
            self.guard.closed(self.guard.requests, self.tracked)
            super().handle_websocket_upgrade(event)
        else:
            self._refuse()

    def _count(self) -> bool:
        """Tell whether the connection is one that may stay; refuse it if it is not."""
        if self.tracked is None or self.transport.is_closing():
            return False
        if not self.guard.count(self.guard.requests, self.tracked):
            self._refuse()
            return False
        return True

    def _refuse(self) -> None:
        self.transport.write(_REFUSAL)
        self.transport.close()

    def _follow(self) -> None:
        self.enter(_PHASES.get(str(self.conn.their_state), Phase.NOTHING))


class GuardedSocket(_Guarded, WebSocketsSansIOProtocol):
    """A WebSocket that is closed when nobody accepts it soon, or its peer reads nothing."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Track the connection, for which room has been made."""
        super().connection_made(transport)
        self.tracked = self.guard.opened(self.guard.sockets, self.transport, self.address)
        if self.tracked:
            self.guard.count(self.guard.sockets, self.tracked)

    def connection_lost(self, exc: Exception | None) -> None:
        """Track it no more."""
        self.guard.closed(self.guard.sockets, self.tracked)
        super().connection_lost(exc)

    def start_keepalive(self) -> None:
        """Know that it was accepted."""
        super().start_keepalive()
        self.enter(Phase.NOTHING)
