"""Standby processes, with a vendor's tool loaded: each waits for one order."""

import logging
import secrets
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from mprelease.domain.platforms import Platform
from mprelease.pipeline.standby_limits import StandbyLimits, StandbyUse
from mprelease.pipeline.standby_process import StandbyProcess
from mprelease.platforms.driver import Driver, ToolEnvironment
from mprelease.process.bubblewrap import Mount
from mprelease.process.build_users import ClaimedUser
from mprelease.process.ownership import chown
from mprelease.process.programs import shown_parts
from mprelease.process.sandbox import Sandbox
from mprelease.workspace.layout import Layout

_log = logging.getLogger(__name__)
_LONGEST_LOADING = 20.0
_POLL_SECONDS = 0.05
_MOST_FOR_A_SLOT = 2


class Standby:
    """The waiting processes of each platform.

    Without `enable`, or with 0 seconds in the limits, none waits: each is started when it is taken.
    """

    def __init__(
        self,
        layout: Layout,
        sandbox: Sandbox,
        tool_environment: ToolEnvironment,
        limits: StandbyLimits,
    ) -> None:
        """Start without processes. All methods are thread-safe."""
        self._layout = layout
        self._sandbox = sandbox
        self._tool_environment = tool_environment
        self._limits = limits
        self._lock = threading.Lock()
        self._waiting: dict[Platform, list[StandbyProcess]] = {}
        self._use = StandbyUse()
        self._drivers: dict[Platform, Driver] = {}
        self._queued: Mapping[Platform, int] = {}
        self._slots = 0

    @property
    def tools(self) -> Path:
        """Return the folder of the vendors' tools."""
        return self._tool_environment.tools

    def enable(self, slots: int = 1) -> None:
        """Allow `refill` to start processes, until `close`.

        At most two for each platform and slot: several releases often come together.
        """
        self._slots = slots

    def take(self, driver: Driver, seconds: float) -> StandbyProcess:
        """Return a waiting process, if possible a loaded one, else a new one, for exclusive use.

        Its time limit is `seconds`; the caller must close it. Raise OSError if it cannot be
        started, for example because the machine is out of memory, processes or disk space.
        """
        with self._lock:
            self._drivers[driver.platform] = driver
            unusable = self._remove_unusable(driver.platform)
            waiting = sorted(self._waiting.get(driver.platform, ()), key=lambda one: one.is_loaded)
            taken = waiting.pop() if waiting else None
            self._waiting[driver.platform] = waiting
        for each in unusable:
            each.close()
        if taken is None:
            taken = self._started(driver, seconds)
        else:
            taken.limit(seconds)
        with self._lock:
            self._use.add(driver.platform, taken)
        return taken

    def use(self, driver: Driver) -> None:
        """Let `refill_used` start processes of a platform."""
        with self._lock:
            self._drivers[driver.platform] = driver

    def refill_used(self, queued: Mapping[Platform, int]) -> None:
        """Refill all platforms that were used, first one process of each; return when they wait.

        `queued` is how many releases will want a process. One loads at a time: that takes a core
        for two seconds, and builds run beside it.
        """
        with self._lock:
            self._queued = queued
            used = list(self._drivers.values())
        for _ in range(self._most):
            used = [driver for driver in used if self._has_loaded_one(driver)]

    def refill(self, driver: Driver) -> None:
        """Let as many processes of a platform wait as its use, the queue and the limits suggest."""
        for _ in range(self._most):
            if self._start_one(driver) is None:
                break

    def _has_loaded_one(self, driver: Driver) -> bool:
        started = self._start_one(driver)
        give_up_at = time.monotonic() + _LONGEST_LOADING
        while started and self._slots and time.monotonic() < give_up_at:
            if started.is_loaded or started.has_ended:
                break
            time.sleep(_POLL_SECONDS)
        return started is not None

    def _start_one(self, driver: Driver) -> StandbyProcess | None:
        """Start a process, unless enough of the platform wait; end those that are too many."""
        self.use(driver)
        started = None
        with self._lock:
            closed = self._remove_unusable(driver.platform)
            usual, queued = self._usual(driver.platform), self._queued.get(driver.platform, 0)
            while self._count(driver.platform) > max(usual, queued):
                closed.append(self._waiting[driver.platform].pop())
            # While releases are queued, others build: the rest is started later.
            if self._count(driver.platform) < min(self._most, queued if self._queued else usual):
                closed += self._remove_surplus(driver)
                if self._has_room(driver):
                    started = self._started_waiting(driver)
        for each in closed:
            each.close()
        return started

    def _started_waiting(self, driver: Driver) -> StandbyProcess | None:
        try:
            started = self._started(driver, self._limits.seconds)
        except OSError as error:  # if it persists, the next release reports it
            _log.warning("cannot start a standby process for %s: %s", driver.platform, error)
            return None
        self._waiting.setdefault(driver.platform, []).append(started)
        return started

    def is_ready(self, platform: Platform, count: int = 1) -> bool:
        """Return whether so many processes wait with the platform's tool loaded."""
        with self._lock:
            waiting = self._waiting.get(platform, ())
            return sum(each.is_usable and each.is_loaded for each in waiting) >= count

    def close(self) -> None:
        """End all waiting processes, and disable new ones."""
        with self._lock:
            self._slots = 0
            waiting, self._waiting = self._waiting, {}
        for each in (one for those in waiting.values() for one in those):
            each.close()

    def _count(self, platform: Platform) -> int:
        return len(self._waiting.get(platform, ()))

    def _usual(self, platform: Platform) -> int:
        """Return one more than are used together, at least two if there are two slots."""
        return min(self._most, max(min(2, self._slots), 1 + self._use.most_together(platform)))

    @property
    def _most(self) -> int:
        return _MOST_FOR_A_SLOT * self._slots if self._limits.seconds else 0

    def _remove_unusable(self, platform: Platform) -> list[StandbyProcess]:
        waiting = self._waiting.get(platform, [])
        self._waiting[platform] = [each for each in waiting if each.is_usable]
        return [each for each in waiting if each not in self._waiting[platform]]

    def _remove_surplus(self, driver: Driver) -> list[StandbyProcess]:
        """Remove second processes of other platforms where the first of this one has no room."""
        removed = list[StandbyProcess]()
        for platform, waiting in self._waiting.items():
            while (
                self._count(driver.platform) == 0
                and platform is not driver.platform
                and len(waiting) > 1
                and not self._is_within_limit(driver)
            ):
                removed.append(waiting.pop())
        return removed

    def _has_room(self, driver: Driver) -> bool:
        """Return whether another process may take memory; beyond the first only what is spare.

        The limit is for processes that wait for nothing yet: a queued release takes its own soon.
        """
        count = self._count(driver.platform)
        is_expected = count < self._queued.get(driver.platform, 0)
        needed = driver.standby_memory + self._limits.reserve
        is_spare = count == 0 or self._limits.available() >= needed
        return is_spare and (is_expected or self._is_within_limit(driver))

    def _is_within_limit(self, driver: Driver) -> bool:
        used = sum(each.memory for those in self._waiting.values() for each in those)
        return used + driver.standby_memory <= self._limits.memory

    def _started(self, driver: Driver, seconds: float) -> StandbyProcess:
        scratch = self._layout.scratch(f"{driver.platform}-{secrets.token_hex(4)}")
        user = self._sandbox.users.claim() if self._sandbox.users else None
        try:
            readable = driver.readable(self._tool_environment)
            tool_environment = self._prepared(scratch, user) if user else self._tool_environment
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

    def _prepared(self, scratch: Path, user: ClaimedUser) -> ToolEnvironment:
        """Make a user id the owner of scratch, with a readable copy of the extra CA file."""
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
