"""The fence: a conditional UPDATE that each upload passes once, before anything is sent."""

import time
from typing import Protocol

from mprelease.domain.errors import LeaseLost, ReleaseCanceled
from mprelease.domain.releases import Kind
from mprelease.engine.recorder import DatabaseRecorder
from mprelease.process.tree import Stop
from mprelease.services.context import ServiceContext
from mprelease.storage import queue
from mprelease.storage.database import Writer
from mprelease.storage.outage import OUTAGE
from mprelease.storage.queue import Lease

# Share of the lease after which the bridge refuses to send: well before the lease can expire.
_NOT_AFTER = 0.6
_BETWEEN_TRIES = 0.2


class DatabaseFence:
    """Let an upload pass if the lease is held, no cancel was requested, and none has passed yet."""

    def __init__(
        self,
        services: ServiceContext,
        lease: Lease,
        kind: Kind,
        stop: Stop,
        recorder: DatabaseRecorder,
    ) -> None:
        """Take the lease, the kind of the release, its stop request, and its recorder."""
        self._database = services.database
        self._lease = lease
        self._kind = kind
        self._stop = stop
        self._recorder = recorder

    def cross(self) -> int:
        """Return the time (ms since the epoch) after which nothing may be sent.

        A preview changes no row. Raise ReleaseCanceled or the reason of a stop, and LeaseLost.
        """
        self._stop.raise_if_asked()
        # Read before the statement, so that the deadline is never later than the lease allows.
        not_after = _machine_ms() + int(_NOT_AFTER * self._lease.ttl)
        if self._kind is Kind.UPLOAD:
            self._execute(self._mark, not_after)
            self._recorder.is_behind_fence = True
            self._reopen_if_stopped()
        return not_after

    def reopen(self) -> None:
        """Undo `cross`; only if nothing was sent to the platform. Raise LeaseLost."""
        if self._kind is not Kind.UPLOAD:
            return
        self._execute(self._unmark, _machine_ms() + int(_NOT_AFTER * self._lease.ttl))
        self._recorder.is_behind_fence = False

    def _reopen_if_stopped(self) -> None:
        """Undo `cross` if a stop was requested during its UPDATE."""
        if self._stop.reason:
            self.reopen()
            raise self._stop.reason

    def _execute(self, statement: "_Statement", not_after: int) -> None:
        """Run a statement, with retries while the database is down; LeaseLost at `not_after`."""
        is_retry = False
        while True:
            try:
                with self._database.writing() as db:
                    return statement(db, is_retry=is_retry)
            except OUTAGE:
                if _machine_ms() > not_after:
                    raise LeaseLost from None
                is_retry = True
                time.sleep(_BETWEEN_TRIES)

    def _mark(self, db: Writer, *, is_retry: bool) -> None:
        if queue.pass_fence(db, self._lease):
            return
        # The commit of the first try may have succeeded although its answer was lost.
        if is_retry and queue.has_passed_fence(db, self._lease):
            return
        raise ReleaseCanceled if queue.cancel_is_requested(db, self._lease) else LeaseLost

    def _unmark(self, db: Writer, *, is_retry: bool) -> None:
        # After a suspension of this machine the release may be in state UNKNOWN by now.
        queue.reclaim(db, self._lease)
        if queue.reopen_fence(db, self._lease):
            return
        if not (is_retry and queue.renew(db, self._lease)):
            raise LeaseLost


def _machine_ms() -> int:
    # Not the database's clock: the bridge compares the deadline with that of this machine.
    return time.time_ns() // 1_000_000


class _Statement(Protocol):
    def __call__(self, db: Writer, *, is_retry: bool) -> None: ...
