"""A process with a vendor's tool loaded, which waits for one order."""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from mprelease.pipeline.line_buffer import LineBuffer
from mprelease.platforms.driver import Driver, Loaded
from mprelease.process.build_users import ClaimedUser
from mprelease.process.command import Command
from mprelease.process.ownership import chown, chown_tree
from mprelease.process.removal import remove
from mprelease.process.tree import LineCallback, Running, Stop, start

# Seconds; a process with less time left gets no order.
_TOO_LATE = 5.0


class StandbyDismissed(Exception):
    """The reason of stopping a process that is no longer needed."""


class StandbyProcess:
    """A process that waits for one order, in the private folder `scratch`.

    It is ended by `close`, by its time limit, and with the worker.
    """

    def __init__(
        self,
        driver: Driver,
        command: Command,
        scratch: Path,
        watched: Iterable[Path],
        user: ClaimedUser | None = None,
    ) -> None:
        """Start the process; it becomes unusable if one of the files `watched` is replaced.

        `user` is the user id under which it runs, reserved for it alone.
        """
        self.scratch = scratch
        self.memory = driver.standby_memory
        self._user = user
        self._driver = driver
        self._watched = _fingerprints(watched)
        self._ends_at = time.monotonic() + command.time_limit
        self._loaded = threading.Event()
        self._lines, self._events = LineBuffer(), LineBuffer(self._look_at)
        self._stop = Stop()
        self._unregister_stop: Callable[[], None] = lambda: None
        self._running = start(
            command, stop=self._stop, on_line=self._lines.add, on_event=self._events.add
        )

    @property
    def is_loaded(self) -> bool:
        """Return whether the vendor's tool is loaded, so that an order starts without delay."""
        return self._loaded.is_set()

    @property
    def has_ended(self) -> bool:
        """Return whether the process has ended."""
        return self._running.has_ended

    @property
    def is_usable(self) -> bool:
        """Return whether the process can take an order: alive, in time, no file replaced."""
        return (
            not self._running.has_ended
            and time.monotonic() < self._ends_at - _TOO_LATE
            and self._watched == _fingerprints(self._watched)
        )

    def limit(self, seconds: float) -> None:
        """Set the time limit, in seconds from now."""
        self._ends_at = time.monotonic() + seconds
        self._running.limit(seconds)

    def give(self, path: Path) -> None:
        """Make the process's user the owner of a file or folder in its scratch.

        Files with several hard links in the folder keep their owner.
        """
        if self._user:
            if path.is_dir():
                chown_tree(path, self._user.uid)
            else:
                chown(path, self._user.uid)

    def attach(self, *, stop: Stop, on_line: LineCallback, on_event: LineCallback) -> Running:
        """Connect the caller, who sends the order; earlier lines and events are replayed first.

        The callbacks run in this thread for the replay, then in reader threads. A request of `stop`
        also ends the process.
        """
        self._unregister_stop = stop.on_ask(
            lambda: self._stop.ask(stop.reason or StandbyDismissed())
        )
        self._lines.forward_to(on_line)
        self._events.forward_to(on_event)
        return self._running

    def detach(self) -> None:
        """Drop what the process still says: no callback of `attach` is called after the return."""
        self._unregister_stop()
        self._lines.drop()
        self._events.drop()

    def end(self) -> None:
        """End the process, unless it has ended; its folder remains until `close`."""
        self._unregister_stop()
        self._stop.ask(StandbyDismissed())
        with suppress(Exception):  # the caller of `attach` gets it from `Running.wait`
            self._running.wait()

    def close(self) -> None:
        """End the process, unless it has ended, and remove its folder."""
        self.end()
        if self._user:
            self._user.release()
        with suppress(OSError):
            remove(self.scratch)

    def _look_at(self, line: str) -> None:
        if isinstance(self._driver.event(line, None), Loaded):
            self._loaded.set()


_Fingerprint = tuple[int, int, int] | None


def _fingerprints(paths: Iterable[Path]) -> dict[Path, _Fingerprint]:
    return {path: _fingerprint(path) for path in paths}


def _fingerprint(path: Path) -> _Fingerprint:
    """Return values that change when a file or folder is replaced; None while it is missing."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_ctime_ns
