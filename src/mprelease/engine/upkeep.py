"""A worker's own upkeep: it cleans its data folder from time to time, and when the disk is full."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from mprelease.domain.stores import StoreReport

_log = logging.getLogger(__name__)
INTERVAL_SECONDS = 3600.0
# A worker that has just started first runs what waits for it.
_FIRST_SECONDS = 20.0
_AGAIN_SECONDS = 60.0


class Cleanup(Protocol):
    """The cleanup of a data folder."""

    @property
    def is_low(self) -> bool:
        """Return whether less of the disk is free than releases need."""

    def run(self, *, goes_on: Callable[[], bool]) -> Sequence[StoreReport]:
        """Clean, and return a report of each store; end early when `goes_on` returns False."""


class Upkeep:
    """Run a cleanup every hour, on request, and when too little of the disk is free."""

    def __init__(self, cleanup: Cleanup, first: float = _FIRST_SECONDS) -> None:
        """Take the cleanup, and the seconds until it runs for the first time."""
        self._cleanup = cleanup
        self._first = first
        self._wanted = threading.Event()
        self._tried_at = -_AGAIN_SECONDS
        self.on_room: Callable[[], None] = lambda: None

    def has_room(self) -> bool:
        """Return whether enough of the disk is free for a release; if not, clean soon."""
        if not self._cleanup.is_low:
            return True
        if time.monotonic() - self._tried_at >= _AGAIN_SECONDS:
            self._wanted.set()
        return False

    def request(self) -> None:
        """Clean now, in the thread of `turn`; also wakes it to notice that the worker ends."""
        self._wanted.set()

    def turn(self, is_over: threading.Event) -> None:
        """Wait for the next cleanup, and run it."""
        self._wanted.wait(self._first)
        self._wanted.clear()
        if is_over.is_set():
            return
        self._first = INTERVAL_SECONDS
        self._tried_at = time.monotonic()
        was_low = self._cleanup.is_low
        reports = self._cleanup.run(goes_on=lambda: not is_over.is_set())
        for report in reports:
            if report.removed:
                counts = ", ".join(f"{count} {why}" for why, count in report.removed.items())
                size = report.removed_size >> 20
                _log.info("removed from %s: %s (%s MiB)", report.store, counts, size)
        if was_low:
            is_low = self._cleanup.is_low
            _log.log(
                logging.WARNING if is_low else logging.INFO,
                "little of the disk was free: %s",
                "no release starts until there is more" if is_low else "releases start again",
            )
            self.on_room()
