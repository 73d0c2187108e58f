"""Everybody who watches through this node: how many, and whether they still may."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar
from weakref import WeakKeyDictionary

from fastapi import WebSocket

from mprelease.domain.people import User
from mprelease.services.door import Visit

# So soon a log-out, or a new role, ends a socket.
_LOOK_SECONDS = 3.0
# Many tabs, or a wall of screens; more is a program that has lost count.
_OF_PERSON = 200
# What all fetch at the same news, they fetch one after the other: this far apart, in ms.
_APART = 30
_NOT_ALLOWED = 1008
_Told = TypeVar("_Told")


@dataclass(frozen=True, eq=False)
class Member:
    """One socket, by which key it was opened, and how to find out whether that still opens it."""

    socket: WebSocket
    visit: Visit
    may_still: Callable[[], bool]


class Crowd:
    """Count the sockets of a node, and end those whose owner may look no more."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._members: set[Member] = set()
        self._sockets_of: Counter[int] = Counter()
        self._guarding: asyncio.Task[None] | None = None
        self._said: WeakKeyDictionary[object, str] = WeakKeyDictionary()

    @property
    def spread(self) -> int:
        """Return over how many ms this crowd should spread what each of it will ask for."""
        return len(self._members) * _APART

    def has_room(self, person: User) -> bool:
        """Tell whether somebody may open one more socket."""
        return self._sockets_of[person.id] < _OF_PERSON

    @asynccontextmanager
    async def joined(self, member: Member) -> AsyncIterator[None]:
        """Belong to the crowd."""
        person = member.visit.user.id
        self._sockets_of[person] += 1
        self._members.add(member)
        if self._guarding is None:
            self._guarding = asyncio.create_task(self._guard())
        try:
            yield
        finally:
            self._members.discard(member)
            self._sockets_of[person] -= 1
            if not self._members and self._guarding:
                self._guarding.cancel()
                self._guarding = None

    def words(self, told: _Told, written: Callable[[_Told], str]) -> str:
        """Return something in words, which are found once for all who are told the same."""
        if told not in self._said:
            self._said[told] = written(told)
        return self._said[told]

    async def _guard(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            by_key = {member.visit.key.id: member for member in self._members}
            with suppress(Exception):  # The storage may be away for a while.
                out = await asyncio.to_thread(_shut_out, by_key.values())
                for member in [one for one in self._members if one.visit.key.id in out]:
                    with suppress(RuntimeError):
                        await member.socket.close(_NOT_ALLOWED)


def _shut_out(members: Iterable[Member]) -> set[int]:
    """Return the keys that open nothing any more."""
    return {member.visit.key.id for member in members if not member.may_still()}
