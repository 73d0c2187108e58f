"""Everybody who watches through this node: how many, and whether they still may."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from weakref import WeakKeyDictionary

from mprelease.domain.users import Permission, User
from mprelease.services.sessions import Session
from mprelease.storage import access_keys
from mprelease.storage.database import Database
from mprelease.supervision import LoopSupervisor

# A log-out, a new role or password, wherever it was written, ends a socket within a second.
_LOOK_SECONDS = 0.5
# Many tabs, or a wall of screens; more is a program that has lost count.
_OF_PERSON = 200
# What all fetch at the same news, they fetch one after the other: this far apart, in ms.
_APART = 30
_Content = TypeVar("_Content")


@dataclass(frozen=True, eq=False)
class Connection:
    """One socket: by which key it was opened, and the task that serves it."""

    session: Session
    serving: asyncio.Task[None]


class Connections:
    """Count the sockets of a node, and end those whose owner may look no more."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._open: set[Connection] = set()
        self._sockets_of: Counter[int] = Counter()
        self._guarding: asyncio.Task[None] | None = None
        self._encoded: WeakKeyDictionary[object, str] = WeakKeyDictionary()

    @property
    def spread(self) -> int:
        """Return over how many ms the clients should spread their next requests."""
        return len(self._open) * _APART

    def has_room(self, person: User) -> bool:
        """Tell whether somebody may open one more socket."""
        return self._sockets_of[person.id] < _OF_PERSON

    @asynccontextmanager
    async def registered(
        self, connection: Connection, database: Database, loops: LoopSupervisor
    ) -> AsyncIterator[None]:
        """Count a connection; its task is canceled when its key is no longer valid."""
        person = connection.session.user.id
        self._sockets_of[person] += 1
        self._open.add(connection)
        if self._guarding is None:
            turn = partial(self._guard, database)
            self._guarding = asyncio.create_task(loops.repeat("socket guard", turn))
        try:
            yield
        finally:
            self._open.discard(connection)
            self._sockets_of[person] -= 1
            if not self._open and self._guarding:
                self._guarding.cancel()
                self._guarding = None

    def words(self, content: _Content, written: Callable[[_Content], str]) -> str:
        """Return something in words, which are found once for all who are told the same."""
        if content not in self._encoded:
            self._encoded[content] = written(content)
        return self._encoded[content]

    async def _guard(self, database: Database) -> None:
        await asyncio.sleep(_LOOK_SECONDS)
        key_ids = {connection.session.key.id for connection in self._open}
        good = await asyncio.to_thread(_still_looking, database, key_ids)
        # Nothing is awaited here: one that reads nothing must not hold up the others.
        for connection in self._open:
            if connection.session.key.id in key_ids - good:
                connection.serving.cancel()


def _still_looking(database: Database, key_ids: set[int]) -> set[int]:
    """Return those keys that still let somebody look."""
    with database.reading() as db:
        roles = access_keys.current_roles(db, key_ids)
    return {key_id for key_id, role in roles.items() if role.may(Permission.VIEW)}
