"""The feed of state changes of all releases, for the watchers of this node."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mprelease.domain.releases import Release
from mprelease.live.poller import Poller
from mprelease.supervision import LoopSupervisor

# Number of changes kept; a watcher that has missed more gets all open releases.
_KEPT = 500


@dataclass(frozen=True, eq=False)
class Changes:
    """The releases that have changed, in their present state.

    `count` is the cursor for the next call. With `is_whole` these are all open releases, and the
    watcher's state of any other release may be outdated. `positions` are those of all queued
    releases, by id: one that leaves the queue moves all behind it, which are not listed for that.
    `unserved` are the labels in use that no alive worker takes.
    """

    count: int
    releases: Sequence[Release] = ()
    is_whole: bool = False
    positions: Mapping[int, int] = field(default_factory=dict)
    unserved: Sequence[str] = ()


class StoredReleases(Protocol):
    """Access to stored releases; each method runs a query and may block."""

    def newest(self) -> int:
        """Return the id of the newest release, 0 for none."""

    def open(self) -> Sequence[Release]:
        """Return the releases in state QUEUED, RUNNING or UNKNOWN."""

    def since(self, newest: int, also: Collection[int]) -> Sequence[Release]:
        """Return the releases with ids above `newest`, and those of `also` that exist."""

    def unserved(self) -> Sequence[str]:
        """Return the labels in use that no alive worker takes."""


class StateFeed(Poller):
    """Provide the state changes since a watcher's last call."""

    def __init__(self, stored: StoredReleases, loops: LoopSupervisor | None = None) -> None:
        """Take the access to stored releases."""
        super().__init__(loops)
        self._stored = stored
        self._newest: int | None = None
        self._open: Mapping[int, Release] = {}
        # Changes are numbered. By release, the oldest first: the number of its last change.
        self._count = 0
        self._dropped = 0
        self._changes: dict[int, tuple[int, Release]] = {}
        self._same: dict[int, Changes] = {}
        self._unserved: Sequence[str] = ()

    async def poll(self) -> None:
        """Compare the stored releases with the last poll, and wake the watchers on changes."""
        before = self._count
        if self._newest is None:
            # The first poll counts as the first change.
            self._newest, self._count = await asyncio.to_thread(self._stored.newest), 1
        now = {one.id: one for one in await asyncio.to_thread(self._stored.open)}
        closed = self._open.keys() - now.keys()
        others = await asyncio.to_thread(self._stored.since, self._newest, closed)
        present = now | {one.id: one for one in others if one.id not in now}
        for release_id, release in sorted(present.items()):
            if self._open.get(release_id) != release:
                self._add_change(release)
        self._newest, self._open = max([self._newest, *present]), now
        unserved = await asyncio.to_thread(self._stored.unserved)
        if unserved != self._unserved:
            self._unserved, self._count = unserved, self._count + 1
        if self._count != before:
            self._same.clear()
            self.wake()

    async def after(self, count: int) -> Changes:
        """Return the changes after `count` as soon as there are any; 0 means all open releases."""
        while count >= self._count:
            await self._changed.wait()
        if count not in self._same:
            self._same[count] = self._since(count)
        return self._same[count]

    def _since(self, count: int) -> Changes:
        is_whole = count < max(1, self._dropped)
        changed = [one for at, one in self._changes.values() if at > count]
        shown = list(self._open.values()) if is_whole else changed
        return Changes(self._count, shown, is_whole, self._positions(), self._unserved)

    def _positions(self) -> dict[int, int]:
        return {one.id: one.queue.position for one in self._open.values() if one.queue}

    def _add_change(self, release: Release) -> None:
        self._count += 1
        self._changes.pop(release.id, None)
        self._changes[release.id] = (self._count, release)
        if len(self._changes) > _KEPT:
            self._dropped, _ = self._changes.pop(next(iter(self._changes)))
