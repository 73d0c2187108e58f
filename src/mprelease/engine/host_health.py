"""Remember which git hosts have answered recently, and which have timed out."""

import threading
import time
from collections.abc import Callable

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem

# Seconds for which an answer, or a timeout, is remembered.
_ANSWER_SECONDS = 60.0
_SILENCE_SECONDS = 15.0


class HostHealth:
    """Remember recent answers and timeouts of hosts, so that a silent host is refused at once.

    Thread-safe.
    """

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the timeout in seconds, which failures name, and a clock in seconds."""
        self.limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._answered: dict[str, float] = {}
        self._silent: dict[str, float] = {}

    def has_answered(self, host: str) -> bool:
        """Return whether a host has answered within the last minute."""
        with self._lock:
            return self._clock() < self._answered.get(host, 0.0)

    def refuse_silent(self, host: str) -> None:
        """Raise StageFailed(GIT_HOST_SILENT) for a host that timed out within the last 15 s."""
        with self._lock:
            is_silent = self._clock() < self._silent.get(host, 0.0)
        if is_silent:
            raise self._failure(host)

    def record_answer(self, host: str) -> None:
        """Remember that a host has answered."""
        with self._lock:
            self._answered[host] = self._clock() + _ANSWER_SECONDS
            self._silent.pop(host, None)

    def record_silence(self, host: str) -> StageFailed:
        """Remember that a host has timed out, and return the exception to raise."""
        with self._lock:
            self._silent[host] = self._clock() + _SILENCE_SECONDS
            self._answered.pop(host, None)
        return self._failure(host)

    def _failure(self, host: str) -> StageFailed:
        return StageFailed(Problem.GIT_HOST_SILENT, host=host, seconds=int(self.limit))
