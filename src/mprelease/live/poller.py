"""What is looked at in the storage for as long as somebody watches it; for one event loop."""

import asyncio
import random
from abc import ABC, abstractmethod
from contextlib import suppress

from mprelease.supervision import LoopSupervisor

# However often it is nudged, it looks no oftener.
_REST_SECONDS = 0.1
# Other processes write into the storage alone.
_LOOK_SECONDS = 1.0


class Poller(ABC):
    """Look again and again, and wake the watchers when something has changed."""

    def __init__(self, loops: LoopSupervisor | None = None) -> None:
        """Begin unwatched; `loops` hears of looks that fail."""
        self._loops = loops or LoopSupervisor()
        self.watchers = 0
        self._changed = self._nudged = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    @property
    def look_seconds(self) -> float:
        """Return how long to rest between two looks at most, unless nudged."""
        return _LOOK_SECONDS

    @abstractmethod
    async def look(self) -> None:
        """Ask the storage what is new, and wake the watchers if something is."""

    def wake(self) -> None:
        """Let the watchers look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    def nudge(self) -> None:
        """Look soon."""
        self._nudged.set()

    def enter(self) -> None:
        """Count one more watcher; the first one begins the looking."""
        self.watchers += 1
        if self.watchers == 1:
            self._changed, self._nudged = asyncio.Event(), asyncio.Event()
            self._looking = asyncio.create_task(self._loops.repeat("watcher", self._look_once))

    def leave(self) -> None:
        """Count one watcher less; the last one ends the looking."""
        self.watchers -= 1
        if not self.watchers and self._looking:
            self._looking.cancel()

    async def _look_once(self) -> None:
        self._nudged.clear()
        await self.look()
        await asyncio.sleep(_REST_SECONDS)
        # What began to be watched at the same time is not looked up at the same time for ever.
        rest = self.look_seconds * random.uniform(0.7, 1.0)  # noqa: S311
        with suppress(TimeoutError):
            await asyncio.wait_for(self._nudged.wait(), rest)
