"""The socket of a page: how releases stand, and one's log, come as they change.

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
# Whoever has heard nothing for much longer is no longer connected, whatever the network says.
_ALIVE_SECONDS = 15.0
_CLOSE_SECONDS = 0.2
_NOT_ALLOWED, _UNREADABLE, _GONE, _TOO_MANY = 1008, 1007, 4404, 4429
# What we could not do: a client connects again and resumes at its position.
_FAILED = 1011
# How a socket that is closed already answers; OSError: before it was accepted (uvicorn, Starlette).
_CLOSED = (WebSocketDisconnect, RuntimeError, OSError)
_ALIVE = '{"alive":true}'
_NUMBER = 2**31 - 1


class Subscription(BaseModel):
    """What a watcher wants to hear; what is not named stays as it is.

    `log` is a release's, behind a position, or null for none; `states` are those of all releases.
    """

    log: int | None = Field(default=None, ge=0, le=2**63 - 1)
    attempt: int = Field(default=0, ge=0, le=_NUMBER)
    line: int = Field(default=0, ge=0, le=_NUMBER)
    states: bool = False


class Watcher:
    """One socket, and what is told to it."""

    def __init__(self, socket: WebSocket, context: WebContext) -> None:
        """Take an accepted socket."""
        self._socket = socket
        self._context = context
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Tell what is wished until one of both leaves."""
        self._begin("alive", self._live())
        try:
            while (text := await self._received()) is not None:
                await self._grant(Subscription.model_validate_json(text))
        except ValidationError:
            await self._close(_UNREADABLE)
        finally:
            for name in list(self._tasks):
                await self._end(name)

    async def _received(self) -> str | None:
        """Return the next message, None once the socket is closed; bytes are no text."""
        if self._socket.client_state is WebSocketState.DISCONNECTED:
            return None
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        return message.get("text") or ""

    async def _grant(self, wish: Subscription) -> None:
        if "log" in wish.model_fields_set:
            await self._end("log")
            if wish.log is not None:
                position = Position(wish.attempt, wish.line)
                self._begin("log", self._show_log(wish.log, position))
        if "states" in wish.model_fields_set:
            await self._end("states")
            if wish.states:
                self._begin("states", self._show_states())

    async def _show_log(self, release_id: int, position: Position) -> None:
        async with self._context.hub.watching(release_id) as feed:
            over = False
            while not over:
                update = await feed.after(position)
                await self._send(self._context.connections.words(update, _log_words))
                position, over = update.end(position), update.over

    async def _show_states(self) -> None:
        count = 0
        async with self._context.hub.watching_all() as state_feed:
            while True:
                changes = await state_feed.after(count)
                await self._send(self._context.connections.words(changes, self._states_words))
                count = changes.count

    def _states_words(self, changes: Changes) -> str:
        spread, now = self._context.connections.spread, self._context.services.now()
        return _json(states_in_json(changes) | {"now": now, "spread": spread})

    async def _live(self) -> None:
        while True:
            await asyncio.sleep(_ALIVE_SECONDS)
            await self._send(_ALIVE)

    def _begin(self, name: str, coroutine: Coroutine[None, None, None]) -> None:
        self._tasks[name] = asyncio.create_task(self._until_closed(name, coroutine))

    async def _until_closed(self, name: str, coroutine: Coroutine[None, None, None]) -> None:
        """Tell until the socket is closed; close it where that fails, so that the client resumes.

        A socket that lives on without what was asked for would be waited at for ever.
        """
        try:
            await coroutine
        except WebSocketDisconnect:
            pass
        except Refused:
            await self._close(_GONE)
        except Exception as error:  # noqa: BLE001 whatever it was, the client must hear of it
            self._context.loops.report(f"socket: {name}", error)
            await self._close(_FAILED)

    async def _send(self, text: str) -> None:
        try:
            await self._socket.send_text(text)
        except RuntimeError:  # the framework's word for a socket that is closed already
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
    """Let somebody watch who may look, from a page of ours or with a token."""
    context = context_of(socket)
    try:
        await _let_in(socket, context)
    except Exception as error:  # noqa: BLE001 pages' handlers can only answer requests
        context.loops.report("socket", error)
        with suppress(*_CLOSED):
            await socket.close(_FAILED)


async def _let_in(socket: WebSocket, context: WebContext) -> None:
    session = None if is_foreign(socket) else await asyncio.to_thread(_looker, socket)
    if session is None:
        with suppress(*_CLOSED):
            await socket.close(_NOT_ALLOWED)
        return
    try:
        await socket.accept()
    except _CLOSED:  # whoever came has left again
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
        await _close_soon(socket)
    else:
        serving.result()


def _looker(socket: WebSocket) -> Session | None:
    """Return who comes, None for whoever may not look."""
    session = session_of(socket)
    return session if session and session.user.role.may(Permission.VIEW) else None


async def _close_soon(socket: WebSocket) -> None:
    """Say that whoever watched may not any more, unless they read nothing: they are cut off."""
    with suppress(TimeoutError, *_CLOSED):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await socket.close(_NOT_ALLOWED)


def _log_words(update: LiveUpdate) -> str:
    return _json(log_in_json(update))


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
