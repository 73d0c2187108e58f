"""Loops that live as long as their process: a turn that fails is logged, counted and repeated.

Every thread and task that must not end is one of these. Loops that end with what they serve (a
release, an open socket) have an owner who hears how they end, and are none.
"""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

_log = logging.getLogger(__name__)
_QUIET_SECONDS = 60.0


class LoopFailures:
    """Count the turns that failed for a reason that nobody foresaw; from any thread."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, loop: str) -> None:
        """Count a failure of a loop."""
        with self._lock:
            self._counts[loop] += 1

    def by_loop(self) -> Mapping[str, int]:
        """Return how many each loop has had since the process began."""
        with self._lock:
            return dict(self._counts)

    @property
    def total(self) -> int:
        """Return how many there were since the process began."""
        return sum(self.by_loop().values())


@dataclass(frozen=True)
class Backoff:
    """How many seconds to wait after a failed turn: doubled each time, until one succeeds."""

    first: float = 0.5
    longest: float = 10.0

    def after(self, failures: int) -> float:
        """Return the pause after so many failed turns in a row."""
        return min(self.longest, self.first * 2.0 ** min(failures - 1, 16))


@dataclass(frozen=True)
class LoopSupervisor:
    """Run loops of this process.

    `outages` are errors of a dependency that may be away for a while: they are waited out like all
    others, but told once a minute as a warning, and not counted.
    """

    outages: tuple[type[Exception], ...] = ()
    backoff: Backoff = field(default_factory=Backoff)
    failures: LoopFailures = field(default_factory=LoopFailures)

    def thread(
        self,
        name: str,
        turn: Callable[[], object],
        is_over: threading.Event,
        *,
        daemon: bool = False,
    ) -> threading.Thread:
        """Start a thread that repeats `turn` until the event is set, and return it."""
        thread = threading.Thread(
            target=self._repeat, args=(name, turn, is_over), name=name, daemon=daemon
        )
        thread.start()
        return thread

    async def repeat(self, name: str, turn: Callable[[], Awaitable[object]]) -> None:
        """Repeat `turn` until this task is canceled."""
        course = _Course(self, name)
        while True:
            try:
                await turn()
            except Exception as error:  # noqa: BLE001 a loop outlives whatever a turn does
                await asyncio.sleep(course.failed(error))
            else:
                course.succeeded()

    def _repeat(self, name: str, turn: Callable[[], object], is_over: threading.Event) -> None:
        course = _Course(self, name)
        while not is_over.is_set():
            try:
                turn()
            except Exception as error:  # noqa: BLE001 a loop outlives whatever a turn does
                is_over.wait(course.failed(error))
            else:
                course.succeeded()

    def report(self, name: str, error: Exception) -> None:
        """Log and count an error that ended a task which is not repeated."""
        _Course(self, name).failed(error)


class _Course:
    """How the turns of one loop go."""

    def __init__(self, supervisor: LoopSupervisor, name: str) -> None:
        self._supervisor = supervisor
        self._name = name
        self._failures = 0
        self._quiet_until = 0.0

    def failed(self, error: Exception) -> float:
        """Tell of a failed turn, and return for how many seconds to wait."""
        self._failures += 1
        if isinstance(error, self._supervisor.outages):
            self._warn(error)
        else:
            self._supervisor.failures.add(self._name)
            _log.error("the loop %s failed and goes on", self._name, exc_info=error)
        return self._supervisor.backoff.after(self._failures)

    def succeeded(self) -> None:
        self._failures = 0

    def _warn(self, outage: Exception) -> None:
        if time.monotonic() > self._quiet_until:
            self._quiet_until = time.monotonic() + _QUIET_SECONDS
            _log.warning("the loop %s waits for what it needs: %s", self._name, outage)
