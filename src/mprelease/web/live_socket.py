"""The live socket: sends the states of releases, and the log of one, as they change.

The protocol is in docs/live.md.
"""

import asyncio
import json
from collections.abc import Coroutine
from contextlib import suppress

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, Field, ValidationError
from starlette.websockets import WebSocketState

from mprelease.domain.errors import Refused
from mprelease.domain.logs import Position
from mprelease.domain.users import Permission
from mprelease.live.log_feed import LiveUpdate
from mprelease.live.state_feed import Changes
from mprelease.services.sessions import Session
from mprelease.web.connections import Connection
from mprelease.web.context import WebContext, context_of
from mprelease.web.guard import is_foreign
from mprelease.web.identity import session_of
from mprelease.web.live_source import log_in_json, states_in_json

router = APIRouter()
# Clients that receive nothing for much longer can assume that the connection is lost.
_ALIVE_SECONDS = 15.0
_CLOSE_SECONDS = 0.2
# Close codes.
_NOT_ALLOWED, _UNREADABLE, _NO_RELEASE, _TOO_MANY = 1008, 1007, 4404, 4429
# An error of the server: the client connects again and resumes at its position.
_FAILED = 1011
# Raised by operations on a closed socket; OSError if it was closed before it was accepted.
_CLOSED = (WebSocketDisconnect, RuntimeError, OSError)
_ALIVE = '{"alive":true}'
_LARGEST_NUMBER = 2**31 - 1


class Subscription(BaseModel):
    """A client's message: what it subscribes to; fields that are left out do not change that.

    `log` is the id of a release whose log is sent from after the position, or null for none;
    `states` are those of all releases.
    """

    log: int | None = Field(default=None, ge=0, le=2**63 - 1)
    attempt: int = Field(default=0, ge=0, le=_LARGEST_NUMBER)
    line: int = Field(default=0, ge=0, le=_LARGEST_NUMBER)
    states: bool = False


class Watcher:
    """One accepted socket, and the tasks that send to it."""

    def __init__(self, socket: WebSocket, context: WebContext) -> None:
        """Take an accepted socket."""
        self._socket = socket
        self._context = context
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Send what the client subscribes to, until it disconnects or the task is canceled."""
        self._begin("alive", self._send_alive())
        try:
            while (text := await self._received()) is not None:
                await self._subscribe(Subscription.model_validate_json(text))
        except ValidationError:
            await self._close(_UNREADABLE)
        finally:
            for name in list(self._tasks):
                await self._end(name)

    async def _received(self) -> str | None:
        """Return the next message, None once the socket is closed; for bytes an empty text."""
        if self._socket.client_state is WebSocketState.DISCONNECTED:
            return None
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        return message.get("text") or ""

    async def _subscribe(self, wanted: Subscription) -> None:
        if "log" in wanted.model_fields_set:
            await self._end("log")
            if wanted.log is not None:
                position = Position(wanted.attempt, wanted.line)
                self._begin("log", self._send_log(wanted.log, position))
        if "states" in wanted.model_fields_set:
            await self._end("states")
            if wanted.states:
                self._begin("states", self._send_states())

    async def _send_log(self, release_id: int, position: Position) -> None:
        async with self._context.hub.watching(release_id) as feed:
            over = False
            while not over:
                update = await feed.after(position)
                await self._send(self._context.connections.encoded(update, _encoded_log))
                position, over = update.end(position), update.over

    async def _send_states(self) -> None:
        count = 0
        async with self._context.hub.watching_all() as state_feed:
            while True:
                changes = await state_feed.after(count)
                await self._send(self._context.connections.encoded(changes, self._encoded_states))
                count = changes.count

    def _encoded_states(self, changes: Changes) -> str:
        spread, now = self._context.connections.spread, self._context.services.now()
        return _json(states_in_json(changes, now) | {"now": now, "spread": spread})

    async def _send_alive(self) -> None:
        while True:
            await asyncio.sleep(_ALIVE_SECONDS)
            await self._send(_ALIVE)

    def _begin(self, name: str, coroutine: Coroutine[None, None, None]) -> None:
        self._tasks[name] = asyncio.create_task(self._until_closed(name, coroutine))

    async def _until_closed(self, name: str, coroutine: Coroutine[None, None, None]) -> None:
        """Run a task until the socket is closed; if the task fails, close the socket.

        The client then connects again and resumes; on an open socket it would wait for ever.
        """
        try:
            await coroutine
        except WebSocketDisconnect:
            pass
        except Refused:
            await self._close(_NO_RELEASE)
        except Exception as error:  # noqa: BLE001 after any error the client must reconnect
            self._context.loops.report(f"socket: {name}", error)
            await self._close(_FAILED)

    async def _send(self, text: str) -> None:
        try:
            await self._socket.send_text(text)
        except RuntimeError:  # raised by Starlette for a closed socket
            raise WebSocketDisconnect from None

    async def _close(self, code: int) -> None:
        with suppress(*_CLOSED):
            await self._socket.close(code)

    async def _end(self, name: str) -> None:
        if task := self._tasks.pop(name, None):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@router.websocket("/api/v1/live")
async def live(socket: WebSocket) -> None:
    """Serve the live socket for users with the right to view, from our pages or with a token."""
    context = context_of(socket)
    try:
        await _serve(socket, context)
    except Exception as error:  # noqa: BLE001 the exception handlers are for HTTP requests only
        context.loops.report("socket", error)
        with suppress(*_CLOSED):
            await socket.close(_FAILED)


async def _serve(socket: WebSocket, context: WebContext) -> None:
    session = None if is_foreign(socket) else await asyncio.to_thread(_session, socket)
    if session is None:
        with suppress(*_CLOSED):
            await socket.close(_NOT_ALLOWED)
        return
    try:
        await socket.accept()
    except _CLOSED:  # the client has disconnected meanwhile
        return
    if not context.connections.has_room(session.user):
        with suppress(*_CLOSED):
            await socket.close(_TOO_MANY)
        return
    serving = asyncio.create_task(Watcher(socket, context).serve())
    try:
        async with context.connections.registered(
            Connection(session, serving), context.services.database, context.loops
        ):
            await asyncio.wait([serving])
    finally:
        serving.cancel()
    if serving.cancelled():
        await _close_revoked(socket)
    else:
        serving.result()


def _session(socket: WebSocket) -> Session | None:
    """Return the session of a socket; None without the right to view."""
    session = session_of(socket)
    return session if session and session.user.role.may(Permission.VIEW) else None


async def _close_revoked(socket: WebSocket) -> None:
    """Close a socket whose user has lost access; without waiting for a peer that does not read."""
    with suppress(TimeoutError, *_CLOSED):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await socket.close(_NOT_ALLOWED)


def _encoded_log(update: LiveUpdate) -> str:
    return _json(log_in_json(update))


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
