"""Loops that run as long as their process: a turn that fails is logged, counted and repeated.

Every thread and task that must not end is one of these. Threads and tasks of a release or an open
socket are not: they end with it, and their owner handles their failure.
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
    """Count unexpected failures of loops; thread-safe."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, loop: str) -> None:
        """Count a failure of a loop."""
        with self._lock:
            self._counts[loop] += 1

    def by_loop(self) -> Mapping[str, int]:
        """Return the number of failures of each loop since the process started."""
        with self._lock:
            return dict(self._counts)

    @property
    def total(self) -> int:
        """Return the number of all failures since the process started."""
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
    """Run the loops of this process.

    `outages` are errors of a dependency that may be unavailable for a while: the loop retries as
    after any error, but logs a warning once a minute only, and does not count them.
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
        record = _LoopRecord(self, name)
        while True:
            try:
                await turn()
            except Exception as error:  # noqa: BLE001 a failed turn must not end the loop
                await asyncio.sleep(record.failed(error))
            else:
                record.succeeded()

    def _repeat(self, name: str, turn: Callable[[], object], is_over: threading.Event) -> None:
        record = _LoopRecord(self, name)
        while not is_over.is_set():
            try:
                turn()
            except Exception as error:  # noqa: BLE001 a failed turn must not end the loop
                is_over.wait(record.failed(error))
            else:
                record.succeeded()

    def report(self, name: str, error: Exception) -> None:
        """Log and count an error that ended a task which is not repeated."""
        _LoopRecord(self, name).failed(error)


class _LoopRecord:
    """The consecutive failures of one loop."""

    def __init__(self, supervisor: LoopSupervisor, name: str) -> None:
        self._supervisor = supervisor
        self._name = name
        self._failures = 0
        self._quiet_until = 0.0

    def failed(self, error: Exception) -> float:
        """Log a failed turn, and return the seconds to wait before the next one."""
        self._failures += 1
        if isinstance(error, self._supervisor.outages):
            self._warn(error)
        else:
            self._supervisor.failures.add(self._name)
            _log.error("the loop %s failed and is repeated", self._name, exc_info=error)
        return self._supervisor.backoff.after(self._failures)

    def succeeded(self) -> None:
        self._failures = 0

    def _warn(self, outage: Exception) -> None:
        if time.monotonic() > self._quiet_until:
            self._quiet_until = time.monotonic() + _QUIET_SECONDS
            _log.warning("the loop %s waits for a dependency: %s", self._name, outage)
