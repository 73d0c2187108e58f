"""Bring what is written in this process to everybody who watches it through this node."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from mprelease.domain.logs import LogLine
from mprelease.live.feed import Feed, Stored

_log = logging.getLogger(__name__)
# Lines go to the watchers together, so often at most.
_BATCH_SECONDS = 0.05
# The storage is asked so often about what somebody watches: other processes write there alone.
_LOOK_SECONDS = 1.0


class Hub:
    """Hold a feed for each release that is written here, or watched.

    Workers tell from their threads; watchers live in one event loop.
    """

    def __init__(self, stored: Stored) -> None:
        """Take the way to what is stored of a release."""
        self._stored = stored
        self._lock = threading.Lock()
        self._feeds: dict[int, Feed] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_waking = False

    def told(self, release_id: int, line: LogLine) -> None:
        """Take a line of a release from its writer; from any thread."""
        with self._lock:
            feed = self._feed(release_id)
            feed.is_written = True
        feed.told([line])
        self._wake_soon()

    def ended(self, release_id: int) -> None:
        """Know that nothing more is written of a release in this process; from any thread."""
        with self._lock:
            feed = self._feeds.get(release_id)
            if feed:
                feed.is_written = False
                self._drop_idle(release_id)
        if feed and self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(feed.nudged.set)

    @asynccontextmanager
    async def watching(self, release_id: int) -> AsyncIterator[Feed]:
        """Watch a release: what the feed tells is as new as can be known here."""
        self._loop = asyncio.get_running_loop()
        with self._lock:
            feed = self._feed(release_id)
            feed.watchers += 1
        if feed.watchers == 1:
            feed.looking = asyncio.create_task(_look(feed))
        try:
            yield feed
        finally:
            with self._lock:
                feed.watchers -= 1
                self._drop_idle(release_id)
            if not feed.watchers and feed.looking:
                feed.looking.cancel()
                with suppress(asyncio.CancelledError):
                    await feed.looking

    def _feed(self, release_id: int) -> Feed:
        if release_id not in self._feeds:
            self._feeds[release_id] = Feed(release_id, self._stored)
        return self._feeds[release_id]

    def _drop_idle(self, release_id: int) -> None:
        feed = self._feeds[release_id]
        if not feed.watchers and not feed.is_written:
            del self._feeds[release_id]

    def _wake_soon(self) -> None:
        loop = self._loop
        if loop and not self._is_waking and not loop.is_closed():
            self._is_waking = True
            loop.call_soon_threadsafe(lambda: loop.call_later(_BATCH_SECONDS, self._wake))

    def _wake(self) -> None:
        self._is_waking = False
        with self._lock:
            feeds = [feed for feed in self._feeds.values() if feed.watchers]
        for feed in feeds:
            feed.wake()


async def _look(feed: Feed) -> None:
    while True:
        try:
            await feed.look()
        except Exception as error:  # noqa: BLE001 the storage may be away for a while
            _log.debug("a watched release cannot be looked up: %s", error)
        with suppress(TimeoutError):
            await asyncio.wait_for(feed.nudged.wait(), _LOOK_SECONDS)
        feed.nudged.clear()
