"""Poll the storage while there are watchers; for one event loop."""

import asyncio
import random
from abc import ABC, abstractmethod
from contextlib import suppress

from mprelease.supervision import LoopSupervisor

# Shortest pause between two polls.
_REST_SECONDS = 0.1
# Longest pause: changes of other processes may be seen in the storage only.
_POLL_SECONDS = 1.0


class Poller(ABC):
    """Base of the feeds: polls repeatedly, and wakes the watchers on changes."""

    def __init__(self, loops: LoopSupervisor | None = None) -> None:
        """Begin without watchers; failures of polls are reported to `loops`."""
        self._loops = loops or LoopSupervisor()
        self.watchers = 0
        self._changed = self._is_due = asyncio.Event()
        self._polling: asyncio.Task[None] | None = None

    @property
    def poll_seconds(self) -> float:
        """Return the longest pause between two polls, in seconds."""
        return _POLL_SECONDS

    @abstractmethod
    async def poll(self) -> None:
        """Read changes from the storage, and wake the watchers if there are any."""

    def wake(self) -> None:
        """Wake the watchers."""
        self._changed.set()
        self._changed = asyncio.Event()

    def poll_soon(self) -> None:
        """End the pause before the next poll."""
        self._is_due.set()

    def add_watcher(self) -> None:
        """Count a watcher; the first one starts polling."""
        self.watchers += 1
        if self.watchers == 1:
            self._changed, self._is_due = asyncio.Event(), asyncio.Event()
            self._polling = asyncio.create_task(self._loops.repeat("watcher", self._poll_once))

    def remove_watcher(self) -> None:
        """Remove a watcher; the last one stops polling."""
        self.watchers -= 1
        if not self.watchers and self._polling:
            self._polling.cancel()

    async def _poll_once(self) -> None:
        self._is_due.clear()
        await self.poll()
        await asyncio.sleep(_REST_SECONDS)
        # Jitter, so that feeds that have started together do not poll together.
        rest = self.poll_seconds * random.uniform(0.7, 1.0)  # noqa: S311
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_due.wait(), rest)
