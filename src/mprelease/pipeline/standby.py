"""A process per platform that waits, the vendor's tool loaded, for its one order."""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from mprelease.domain.platforms import Platform
from mprelease.platforms.driver import Driver, Loaded, ToolEnvironment
from mprelease.process.bubblewrap import Mount
from mprelease.process.build_users import ClaimedUser
from mprelease.process.command import Command
from mprelease.process.line_splitter import LastLines
from mprelease.process.ownership import chown, chown_tree
from mprelease.process.programs import shown_parts
from mprelease.process.removal import remove
from mprelease.process.sandbox import Sandbox
from mprelease.process.tree import LineCallback, Running, Stop, start
from mprelease.workspace.layout import Layout

_log = logging.getLogger(__name__)
_KEPT_LINES = 1000
# Whoever is this close to its end, in seconds, gets no order any more.
_TOO_LATE = 5.0


class StandbyDismissed(Exception):
    """Nobody needs a process any more."""


class StandbyProcess:
    """A process that waits for one order, in a private folder of its own.

    `scratch` is that folder. The process ends with `close`, with its time, and with the worker.
    """

    def __init__(
        self,
        driver: Driver,
        command: Command,
        scratch: Path,
        watched: Iterable[Path],
        user: ClaimedUser | None = None,
    ) -> None:
        """Start the process; `watched` is what it reads from, and must stay as it is.

        `user` is the id under which it runs, and nothing else.
        """
        self.scratch = scratch
        self._user = user
        self._driver = driver
        self._watched = _fingerprints(watched)
        self._ends_at = time.monotonic() + command.time_limit
        self._loaded = threading.Event()
        self._lines, self._events = _LineBuffer(), _LineBuffer(self._look_at)
        self._stop = Stop()
        self._forget_stop: Callable[[], None] = lambda: None
        self._running = start(
            command, stop=self._stop, on_line=self._lines.hear, on_event=self._events.hear
        )

    @property
    def is_loaded(self) -> bool:
        """Tell whether the vendor's tool is loaded, so that an order would be begun at once."""
        return self._loaded.is_set()

    @property
    def is_usable(self) -> bool:
        """Tell whether the process can take an order: alive, in time, with nothing replaced."""
        return (
            not self._running.has_ended
            and time.monotonic() < self._ends_at - _TOO_LATE
            and self._watched == _fingerprints(self._watched)
        )

    def limit(self, seconds: float) -> None:
        """Let the process live for so many seconds from now on."""
        self._ends_at = time.monotonic() + seconds
        self._running.limit(seconds)

    def give(self, folder: Path) -> None:
        """Let the process have a folder in its scratch; files with a second name stay ours."""
        if self._user:
            chown_tree(folder, self._user.uid)

    def attach(self, *, stop: Stop, on_line: LineCallback, on_event: LineCallback) -> Running:
        """Let somebody listen, who sends the order; what was said before is told now."""
        self._forget_stop = stop.on_ask(lambda: self._stop.ask(stop.reason or StandbyDismissed()))
        self._lines.give_to(on_line)
        self._events.give_to(on_event)
        return self._running

    def close(self) -> None:
        """End the process, unless it has ended, and remove its folder."""
        self._forget_stop()
        self._stop.ask(StandbyDismissed())
        with suppress(Exception):  # whoever gave the order hears how it ended
            self._running.wait()
        if self._user:
            self._user.release()
        with suppress(OSError):
            remove(self.scratch)

    def _look_at(self, line: str) -> None:
        if isinstance(self._driver.event(line, None), Loaded):
            self._loaded.set()


class Standby:
    """The processes that wait: at most one per platform, for at most so many seconds.

    Each is started when it is taken, unless the worker lives on, and the seconds are more than 0.
    """

    def __init__(
        self, layout: Layout, sandbox: Sandbox, tool_environment: ToolEnvironment, seconds: int
    ) -> None:
        """Begin with none; safe to be used from several threads."""
        self._layout = layout
        self._sandbox = sandbox
        self._tool_environment = tool_environment
        self._seconds = seconds
        self._lock = threading.Lock()
        self._waiting: dict[Platform, StandbyProcess] = {}
        self._taken: dict[Platform, Driver] = {}
        self._lives_on = False

    @property
    def tools(self) -> Path:
        """Return the folder of the vendors' tools."""
        return self._tool_environment.tools

    def live_on(self) -> None:
        """Let a process wait for each next release from now on; until `close`."""
        self._lives_on = True

    def take(self, driver: Driver, seconds: float) -> StandbyProcess:
        """Return a process that nobody else has: the waiting one, else a new one.

        It lives for so many seconds at most, and the caller closes it. Raise OSError when the
        machine has no room for it.
        """
        with self._lock:
            self._taken[driver.platform] = driver
            waiting = self._waiting.pop(driver.platform, None)
        if waiting and waiting.is_usable:
            waiting.limit(seconds)
            return waiting
        if waiting:
            waiting.close()
        return self._started(driver, seconds)

    def refill_taken(self) -> None:
        """Let a process wait again for each platform whose process was taken."""
        with self._lock:
            taken, self._taken = self._taken, {}
        for driver in taken.values():
            self.refill(driver)

    def refill(self, driver: Driver) -> None:
        """Let a process wait for the platform's next release, if the worker lives on."""
        with self._lock:
            earlier = self._waiting.get(driver.platform)
            is_wanted = self._lives_on and self._seconds > 0
            if not is_wanted or (earlier and earlier.is_usable):
                return
            try:
                self._waiting[driver.platform] = self._started(driver, self._seconds)
            except OSError as error:  # the release itself will say so, if it is still the case
                _log.warning("no process waits for %s: %s", driver.platform, error)
                return
        if earlier:
            earlier.close()

    def is_ready(self, platform: Platform) -> bool:
        """Tell whether a process waits with the platform's tool loaded."""
        with self._lock:
            waiting = self._waiting.get(platform)
        return waiting is not None and waiting.is_usable and waiting.is_loaded

    def close(self) -> None:
        """End all that wait, and let none wait from now on."""
        with self._lock:
            self._lives_on = False
            waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            each.close()

    def _started(self, driver: Driver, seconds: float) -> StandbyProcess:
        scratch = self._layout.scratch(f"{driver.platform}-{secrets.token_hex(4)}")
        user = self._sandbox.users.claim() if self._sandbox.users else None
        try:
            readable = driver.readable(self._tool_environment)
            tool_environment = self._given(scratch, user) if user else self._tool_environment
            command = driver.command(tool_environment, scratch, seconds)
            confined = self._sandbox.confine(
                replace(command, user=user.uid if user else None),
                (
                    *_read_only(driver.readable(tool_environment)),
                    Mount(scratch, scratch, writable=True),
                ),
            )
            return StandbyProcess(driver, confined, scratch, readable, user)
        except BaseException:
            if user:
                user.release()
            raise

    def _given(self, scratch: Path, user: ClaimedUser) -> ToolEnvironment:
        """Let a user id have its scratch folder, with a copy of what only we may read."""
        chown(scratch, user.uid)
        extra_ca = self._tool_environment.extra_ca
        if extra_ca is None:
            return self._tool_environment
        own = scratch / "extra-ca.pem"
        own.write_bytes(extra_ca.read_bytes())
        chown(own, user.uid)
        return replace(self._tool_environment, extra_ca=own)


def _read_only(paths: Iterable[Path]) -> Iterator[Mount]:
    return (Mount(part, part) for path in paths for part in shown_parts(path))


class _LineBuffer:
    """Keep what is heard until somebody wants to hear it."""

    def __init__(self, meanwhile: LineCallback = lambda _line: None) -> None:
        self._lock = threading.Lock()
        self._kept = LastLines(_KEPT_LINES)
        self._meanwhile = meanwhile
        self._listener: LineCallback | None = None

    def hear(self, line: str) -> None:
        with self._lock:
            listener = self._listener
            if listener is None:
                self._kept.add(line)
        (listener or self._meanwhile)(line)

    def give_to(self, listener: LineCallback) -> None:
        with self._lock:
            for line in self._kept:
                listener(line)
            self._listener = listener


_Fingerprint = tuple[int, int, int] | None


def _fingerprints(paths: Iterable[Path]) -> dict[Path, _Fingerprint]:
    return {path: _mark(path) for path in paths}


def _mark(path: Path) -> _Fingerprint:
    """Return what changes when a file or folder is replaced; None while it is missing."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_ctime_ns
