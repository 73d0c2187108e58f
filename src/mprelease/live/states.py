"""How all unfinished releases stand, told to everybody who watches on this node."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mprelease.domain.releases import Release
from mprelease.live.poller import Poller
from mprelease.supervision import LoopSupervisor

# So many changes are remembered; whoever missed more is told everything.
_REMEMBERED = 500


@dataclass(frozen=True, eq=False)
class Changes:
    """The releases that have changed, as they stand now.

    `count` is what to ask with the next time. With `is_whole` these are all that are unfinished,
    and what the watcher knew of others may be out of date.
    """

    count: int
    releases: Sequence[Release] = ()
    is_whole: bool = False


class StoredReleases(Protocol):
    """What is stored of releases; both may take as long as a query."""

    def newest(self) -> int:
        """Return the number of the newest release, 0 for none."""

    def open(self) -> Sequence[Release]:
        """Return what runs, waits, or ended in a way that nobody knows."""

    def since(self, newest: int, also: Collection[int]) -> Sequence[Release]:
        """Return what was made after a release, and these others as far as they exist."""


class StateFeed(Poller):
    """Tell who watches what has changed since the last time."""

    def __init__(self, stored: StoredReleases, loops: LoopSupervisor | None = None) -> None:
        """Take the way to what is stored."""
        super().__init__(loops)
        self._stored = stored
        self._newest: int | None = None
        self._open: Mapping[int, Release] = {}
        # Changes are counted. By release, the oldest first: the count at its last change.
        self._count = 0
        self._forgotten = 0
        self._changes: dict[int, tuple[int, Release]] = {}
        self._same: dict[int, Changes] = {}

    async def look(self) -> None:
        """Compare what is stored with what it was, and wake the watchers if that differs."""
        before = self._count
        if self._newest is None:
            # That somebody has looked at all is the first change.
            self._newest, self._count = await asyncio.to_thread(self._stored.newest), 1
        now = {one.id: one for one in await asyncio.to_thread(self._stored.open)}
        gone = self._open.keys() - now.keys()
        others = await asyncio.to_thread(self._stored.since, self._newest, gone)
        found = now | {one.id: one for one in others if one.id not in now}
        for release_id, release in sorted(found.items()):
            if self._open.get(release_id) != release:
                self._note(release)
        self._newest, self._open = max([self._newest, *found]), now
        if self._count != before:
            self._same.clear()
            self.wake()

    async def after(self, count: int) -> Changes:
        """Return what has changed since `count`, as soon as there is something; 0 asks for all."""
        while count >= self._count:
            await self._changed.wait()
        if count not in self._same:
            self._same[count] = self._since(count)
        return self._same[count]

    def _since(self, count: int) -> Changes:
        if count < max(1, self._forgotten):
            return Changes(self._count, list(self._open.values()), is_whole=True)
        return Changes(self._count, [one for at, one in self._changes.values() if at > count])

    def _note(self, release: Release) -> None:
        self._count += 1
        self._changes.pop(release.id, None)
        self._changes[release.id] = (self._count, release)
        if len(self._changes) > _REMEMBERED:
            self._forgotten, _ = self._changes.pop(next(iter(self._changes)))
