"""How many standby processes wait: as many as recent use suggests, within a limit of memory."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from mprelease.domain.platforms import Platform
from mprelease.process.memory import available

_RECENT_SECONDS = 3600.0
# Releases that begin within so long come together: five apps of a team, or three platforms.
_TOGETHER_SECONDS = 10.0


@dataclass(frozen=True)
class StandbyLimits:
    """How long a process waits, and how much memory (MiB) all waiting ones may take together.

    A further process of a platform starts only if `reserve` (MiB) stays available beside it, so
    that a release finds the memory that it needs.
    """

    seconds: int
    memory: int = 640
    reserve: int = 0
    available: Callable[[], int] = available


class _Process(Protocol):
    @property
    def has_ended(self) -> bool: ...


@dataclass
class StandbyUse:
    """How many processes of a platform were used together, within the last hour.

    Those are the processes in use at once, and those that were taken within ten seconds.
    """

    clock: Callable[[], float] = time.monotonic
    _used: dict[Platform, list[_Process]] = field(default_factory=dict)
    _counts: dict[Platform, list[tuple[float, int]]] = field(default_factory=dict)

    def add(self, platform: Platform, process: _Process) -> None:
        """Count a process, as used until it has ended."""
        used = [each for each in self._used.get(platform, ()) if not each.has_ended]
        self._used[platform] = [*used, process]
        counts, now = self._recent(platform), self.clock()
        taken = sum(now - at < _TOGETHER_SECONDS for at, _ in counts)
        self._counts[platform] = [*counts, (now, 1 + max(len(used), taken))]

    def most_together(self, platform: Platform) -> int:
        """Return the greatest number of processes used together in the last hour."""
        return max((count for _, count in self._recent(platform)), default=0)

    def _recent(self, platform: Platform) -> list[tuple[float, int]]:
        since = self.clock() - _RECENT_SECONDS
        return [pair for pair in self._counts.get(platform, ()) if pair[0] >= since]
