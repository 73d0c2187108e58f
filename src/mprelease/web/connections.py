"""The open live sockets of this node: their number, and whether their users still have access."""

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

# A log-out, new role or new password, on any node, closes the sockets within a second.
_POLL_SECONDS = 0.5
# Enough for many tabs and screens; a program with more has a leak.
_MOST_PER_USER = 200
# After a change all clients fetch parts of their pages, on average so many ms after each other.
_SPREAD_MS = 30
_Content = TypeVar("_Content")


@dataclass(frozen=True, eq=False)
class Connection:
    """One socket: the session with which it was opened, and the task that serves it."""

    session: Session
    serving: asyncio.Task[None]


class Connections:
    """Count the sockets of a node, and end those whose user has lost access."""

    def __init__(self) -> None:
        """Begin without sockets."""
        self._open: set[Connection] = set()
        self._sockets_of: Counter[int] = Counter()
        self._guarding: asyncio.Task[None] | None = None
        self._encoded: WeakKeyDictionary[object, str] = WeakKeyDictionary()

    @property
    def count(self) -> int:
        """Return the number of open sockets."""
        return len(self._open)

    @property
    def spread(self) -> int:
        """Return over how many ms the clients should spread their next requests."""
        return len(self._open) * _SPREAD_MS

    def has_room(self, person: User) -> bool:
        """Return whether a user may open one more socket."""
        return self._sockets_of[person.id] < _MOST_PER_USER

    @asynccontextmanager
    async def registered(
        self, connection: Connection, database: Database, loops: LoopSupervisor
    ) -> AsyncIterator[None]:
        """Register a connection during the block; cancel its task when its key is not valid."""
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

    def encoded(self, content: _Content, encode: Callable[[_Content], str]) -> str:
        """Return a message encoded; each is encoded once for all sockets to which it is sent."""
        if content not in self._encoded:
            self._encoded[content] = encode(content)
        return self._encoded[content]

    async def _guard(self, database: Database) -> None:
        await asyncio.sleep(_POLL_SECONDS)
        key_ids = {connection.session.key.id for connection in self._open}
        valid = await asyncio.to_thread(_valid_keys, database, key_ids)
        # Nothing is awaited here: a peer that does not read must not delay the others.
        for connection in self._open:
            if connection.session.key.id in key_ids - valid:
                connection.serving.cancel()


def _valid_keys(database: Database, key_ids: set[int]) -> set[int]:
    """Return those keys that still give the right to view."""
    with database.reading() as db:
        roles = access_keys.current_roles(db, key_ids)
    return {key_id for key_id, role in roles.items() if role.may(Permission.VIEW)}
