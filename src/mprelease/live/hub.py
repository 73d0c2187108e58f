"""Bring what happens to everybody who watches it through this node."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import Protocol

from mprelease.domain.logs import LogLine
from mprelease.live.feed import Feed, StoredLog
from mprelease.live.relay import Subscriber
from mprelease.live.states import StateFeed, StoredReleases
from mprelease.supervision import LoopSupervisor

# Lines go to the watchers together, so often at most.
_BATCH_SECONDS = 0.06


class Stored(StoredLog, StoredReleases, Protocol):
    """What is stored of releases and their logs."""


class Hub:
    """Hold the board of all releases, and a feed for each that is written here, or watched.

    Workers tell from their threads; watchers live in one event loop. What other nodes write is
    received by the `subscriber`, and without one found in the storage.
    """

    def __init__(
        self,
        stored: Stored,
        subscriber: Subscriber | None = None,
        loops: LoopSupervisor | None = None,
    ) -> None:
        """Take the way to what is stored, and to what other nodes say."""
        self._stored = stored
        self._loops = loops or LoopSupervisor()
        self._subscriber = subscriber
        self._lock = threading.Lock()
        self._feeds: dict[int, Feed] = {}
        self._state_feed: StateFeed | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_waking = False

    def line_written(self, release_id: int, line: LogLine) -> None:
        """Take a line of a release from its writer; from any thread."""
        with self._lock:
            feed = self._feed(release_id)
            feed.is_written = True
        feed.line_written([line])
        self._wake_soon()

    def changed(self, release_id: int | None = None) -> None:
        """Know that something else about a release, or about some, is new; from any thread."""
        self._call_soon(partial(self._nudge, release_id))

    def ended(self, release_id: int) -> None:
        """Know that nothing more is written of a release in this process; from any thread."""
        with self._lock:
            feed = self._feeds.get(release_id)
            if feed:
                feed.is_written = False
                self._drop_idle(release_id)
        self.changed(release_id)

    def lines_received(self, release_id: int, lines: Sequence[LogLine]) -> None:
        """Take lines that another node writes, as far as somebody watches them here."""
        if feed := self._feeds.get(release_id):
            feed.line_written(lines)
            self._wake_soon()

    @asynccontextmanager
    async def watching(self, release_id: int) -> AsyncIterator[Feed]:
        """Watch a release's log: what the feed tells is as new as can be known here."""
        self._enter_loop()
        with self._lock:
            feed = self._feed(release_id)
            feed.enter()
        try:
            async with self._subscribed_to(release_id):
                # What was said until now is stored, or will be.
                feed.nudge()
                yield feed
        finally:
            with self._lock:
                feed.leave()
                self._drop_idle(release_id)

    @asynccontextmanager
    async def watching_all(self) -> AsyncIterator[StateFeed]:
        """Watch how all releases stand."""
        self._enter_loop()
        state_feed = self._state_feed = self._state_feed or StateFeed(self._stored, self._loops)
        state_feed.enter()
        try:
            async with self._subscribed_to(None):
                yield state_feed
        finally:
            state_feed.leave()
            if not state_feed.watchers:
                self._state_feed = None

    def _subscribed_to(self, release_id: int | None) -> AbstractAsyncContextManager[None]:
        return self._subscriber.subscribed(release_id, self) if self._subscriber else nullcontext()

    def _nudge(self, release_id: int | None) -> None:
        for watched in (self._state_feed, self._feeds.get(release_id or 0)):
            if watched:
                watched.nudge()

    def _feed(self, release_id: int) -> Feed:
        if release_id not in self._feeds:
            self._feeds[release_id] = Feed(release_id, self._stored, self._loops)
        return self._feeds[release_id]

    def _drop_idle(self, release_id: int) -> None:
        feed = self._feeds[release_id]
        if not feed.watchers and not feed.is_written:
            del self._feeds[release_id]

    def _wake_soon(self) -> None:
        if not self._is_waking:
            self._is_waking = True
            self._is_waking = self._call_soon(self._wake_later)

    def _wake_later(self) -> None:
        asyncio.get_running_loop().call_later(_BATCH_SECONDS, self._wake)

    def _call_soon(self, callback: Callable[[], None]) -> bool:
        """Have the watchers' loop do something; False where there is none, or it is closed.

        The process ends then, and a release that is written meanwhile goes on unwatched.
        """
        loop = self._loop
        if loop is None:
            return False
        try:
            loop.call_soon_threadsafe(callback)
        except RuntimeError:
            return False
        return True

    def _enter_loop(self) -> None:
        """Know in which loop the watchers live; what an earlier one should do is forgotten."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._is_waking = loop, False

    def _wake(self) -> None:
        self._is_waking = False
        with self._lock:
            feeds = [feed for feed in self._feeds.values() if feed.watchers]
        for feed in feeds:
            feed.wake()
