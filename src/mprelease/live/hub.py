"""The hub of a node: distributes lines and changes to the watchers of its event loop."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import Protocol

from mprelease.domain.logs import LogLine
from mprelease.live.log_feed import LogFeed, StoredLog
from mprelease.live.relay import Subscriber
from mprelease.live.state_feed import StateFeed, StoredReleases
from mprelease.supervision import LoopSupervisor

# Shortest interval at which watchers are woken.
_BATCH_SECONDS = 0.06


class Stored(StoredLog, StoredReleases, Protocol):
    """Access to stored releases and logs."""


class Hub:
    """Hold the state feed, and a log feed for each release that is written or watched here.

    Workers call from their threads; watchers run in one event loop. Lines of other nodes come from
    the `subscriber`, or without one from the storage.
    """

    def __init__(
        self,
        stored: Stored,
        subscriber: Subscriber | None = None,
        loops: LoopSupervisor | None = None,
    ) -> None:
        """Take the access to the storage, and the subscriber to other nodes if there is Redis."""
        self._stored = stored
        self._loops = loops or LoopSupervisor()
        self._subscriber = subscriber
        self._lock = threading.Lock()
        self._feeds: dict[int, LogFeed] = {}
        self._state_feed: StateFeed | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_waking = False

    def line_written(self, release_id: int, line: LogLine) -> None:
        """Take a line of a release from its writer; thread-safe."""
        with self._lock:
            feed = self._feed(release_id)
            feed.is_written = True
        feed.line_written([line])
        self._wake_soon()

    def changed(self, release_id: int | None = None) -> None:
        """Poll a release soon, or with None the states of all releases; thread-safe."""
        self._call_soon(partial(self._poll_soon, release_id))

    def ended(self, release_id: int) -> None:
        """Handle the end of a release's log in this process; thread-safe."""
        with self._lock:
            feed = self._feeds.get(release_id)
            if feed:
                feed.is_written = False
                self._drop_idle(release_id)
        self.changed(release_id)

    def lines_received(self, release_id: int, lines: Sequence[LogLine]) -> None:
        """Take lines of another node, if the release is watched here."""
        if feed := self._feeds.get(release_id):
            feed.line_written(lines)
            self._wake_soon()

    @asynccontextmanager
    async def watching(self, release_id: int) -> AsyncIterator[LogFeed]:
        """Yield the feed of a release's log, which is kept up to date during the block."""
        self._enter_loop()
        with self._lock:
            feed = self._feed(release_id)
            feed.add_watcher()
        try:
            async with self._subscribed_to(release_id):
                # Lines sent before the subscription are stored, or will be.
                feed.poll_soon()
                yield feed
        finally:
            with self._lock:
                feed.remove_watcher()
                self._drop_idle(release_id)

    @asynccontextmanager
    async def watching_all(self) -> AsyncIterator[StateFeed]:
        """Yield the feed of all state changes, which is kept up to date during the block."""
        self._enter_loop()
        state_feed = self._state_feed = self._state_feed or StateFeed(self._stored, self._loops)
        state_feed.add_watcher()
        try:
            async with self._subscribed_to(None):
                yield state_feed
        finally:
            state_feed.remove_watcher()
            if not state_feed.watchers:
                self._state_feed = None

    def _subscribed_to(self, release_id: int | None) -> AbstractAsyncContextManager[None]:
        return self._subscriber.subscribed(release_id, self) if self._subscriber else nullcontext()

    def _poll_soon(self, release_id: int | None) -> None:
        for feed in (self._state_feed, self._feeds.get(release_id or 0)):
            if feed:
                feed.poll_soon()

    def _feed(self, release_id: int) -> LogFeed:
        if release_id not in self._feeds:
            self._feeds[release_id] = LogFeed(release_id, self._stored, self._loops)
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
        """Call back in the watchers' event loop; False if there is none, or it is closed.

        It is closed at the end of the process, while a release may still be running.
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
        """Use the running event loop from now on; pending calls of an earlier one are dropped."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._is_waking = loop, False

    def _wake(self) -> None:
        self._is_waking = False
        with self._lock:
            feeds = [feed for feed in self._feeds.values() if feed.watchers]
        for feed in feeds:
            feed.wake()
