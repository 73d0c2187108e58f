"""Which git hosts have answered lately, and which have kept silent."""

import threading
import time
from collections.abc import Callable

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem

# Seconds for which an answer proves that a host lives, and silence that it does not.
_LIVES = 60.0
_SILENT = 15.0


class HostHealth:
    """Remember how hosts behaved, so that nobody waits for one that is known to be silent."""

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the seconds after which a host without an answer is silent; from any thread."""
        self.limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._answered: dict[str, float] = {}
        self._silent: dict[str, float] = {}

    def answers(self, host: str) -> bool:
        """Tell whether a host has answered a moment ago."""
        with self._lock:
            return self._clock() < self._answered.get(host, 0.0)

    def refuse_silent(self, host: str) -> None:
        """Raise StageFailed(GIT_HOST_SILENT) for a host that was silent a moment ago."""
        with self._lock:
            is_silent = self._clock() < self._silent.get(host, 0.0)
        if is_silent:
            raise self._failure(host)

    def answered(self, host: str) -> None:
        """Remember that a host has answered."""
        with self._lock:
            self._answered[host] = self._clock() + _LIVES
            self._silent.pop(host, None)

    def was_silent(self, host: str) -> StageFailed:
        """Remember that a host did not answer in time, and return what to raise."""
        with self._lock:
            self._silent[host] = self._clock() + _SILENT
            self._answered.pop(host, None)
        return self._failure(host)

    def _failure(self, host: str) -> StageFailed:
        return StageFailed(Problem.GIT_HOST_SILENT, host=host, seconds=int(self.limit))
