"""The socket of a page: what follows a position of a log comes as it is written.

The protocol is in docs/live.md.
"""

import asyncio
import json
from contextlib import suppress
from weakref import WeakKeyDictionary

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, Field, ValidationError

from mprelease.domain.errors import Refused
from mprelease.domain.logs import Position
from mprelease.domain.people import Right
from mprelease.live.feed import Told
from mprelease.live.hub import Hub
from mprelease.web.guard import is_foreign
from mprelease.web.hall import hall_of
from mprelease.web.identity import visitor
from mprelease.web.telling import in_json

router = APIRouter()
# Batches follow each other no faster; a browser that reads slowly gets fewer and larger ones.
_PAUSE_SECONDS = 0.08
# So soon a log-out, or a new role, ends a socket.
_LOOK_SECONDS = 3.0
_POLICY, _UNREADABLE, _GONE = 1008, 1007, 4404
_NUMBER = 2**31 - 1


class Wish(BaseModel):
    """What a watcher wants to hear: a release's log behind a position, or none any more."""

    log: int | None = Field(default=None, ge=0, le=2**63 - 1)
    attempt: int = Field(default=0, ge=0, le=_NUMBER)
    line: int = Field(default=0, ge=0, le=_NUMBER)


class Watcher:
    """One socket, and what is told to it."""

    def __init__(self, socket: WebSocket, hub: Hub) -> None:
        """Take an accepted socket."""
        self._socket = socket
        self._hub = hub
        self._showing: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Tell what is wished until one of both leaves."""
        guarding = asyncio.create_task(self._guard())
        try:
            while True:
                wish = Wish.model_validate_json(await self._socket.receive_text())
                await self._stop()
                if wish.log is not None:
                    position = Position(wish.attempt, wish.line)
                    self._showing = asyncio.create_task(self._show(wish.log, position))
        except ValidationError:
            await self._socket.close(_UNREADABLE)
        except (WebSocketDisconnect, RuntimeError):
            pass  # It has gone, or was closed by one of the others.
        finally:
            guarding.cancel()
            await self._stop()

    async def _show(self, release_id: int, position: Position) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            try:
                async with self._hub.watching(release_id) as feed:
                    while True:
                        told = await feed.after(position)
                        await self._socket.send_text(_words(told))
                        position = told.end(position)
                        if told.over:
                            return
                        await asyncio.sleep(_PAUSE_SECONDS)
            except Refused:
                await self._socket.close(_GONE)

    async def _guard(self) -> None:
        """End the socket as soon as its owner may look no more."""
        may_look = True
        while may_look:
            await asyncio.sleep(_LOOK_SECONDS)
            may_look = await asyncio.to_thread(_may_look, self._socket)
        with suppress(RuntimeError):
            await self._socket.close(_POLICY)

    async def _stop(self) -> None:
        if self._showing:
            self._showing.cancel()
            with suppress(asyncio.CancelledError):
                await self._showing
        self._showing = None


@router.websocket("/api/v1/live")
async def live(socket: WebSocket) -> None:
    """Let somebody watch who may look, from a page of ours or with a token."""
    hall = hall_of(socket)
    if is_foreign(socket) or not await asyncio.to_thread(_may_look, socket):
        await socket.close(_POLICY)
        return
    await socket.accept()
    await Watcher(socket, hall.hub).serve()


def _may_look(socket: WebSocket) -> bool:
    visit = visitor(socket)
    return visit is not None and visit.user.role.may(Right.LOOK)


# Those who stand at the same place are told the same words.
_SAID: WeakKeyDictionary[Told, str] = WeakKeyDictionary()


def _words(told: Told) -> str:
    if told not in _SAID:
        _SAID[told] = json.dumps(in_json(told), ensure_ascii=False, separators=(",", ":"))
    return _SAID[told]
