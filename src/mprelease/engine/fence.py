"""The fence that an upload passes once, just before anything is sent."""

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

# The bridge refuses to begin later than this after the fence: well before the lease can expire.
_NOT_AFTER = 0.6
_BETWEEN_TRIES = 0.2


class DatabaseFence:
    """Let an upload through if the row says that it is ours, wanted and not yet begun."""

    def __init__(
        self,
        services: ServiceContext,
        lease: Lease,
        kind: Kind,
        stop: Stop,
        recorder: DatabaseRecorder,
    ) -> None:
        """Take the lease, what is published, who may ask for its stop, and who is to know."""
        self._database = services.database
        self._now = services.now
        self._lease = lease
        self._kind = kind
        self._stop = stop
        self._recorder = recorder

    def cross(self) -> int:
        """Return until when sending may begin; a preview is harmless and needs no mark."""
        self._stop.raise_if_asked()
        # Read before the statement: the deadline counts from the past, never from the future.
        not_after = self._now() + int(_NOT_AFTER * self._lease.ttl)
        if self._kind is Kind.UPLOAD:
            self._insist(self._mark, not_after)
            self._recorder.is_behind_fence = True
            self._turn_back_if_asked()
        return not_after

    def reopen(self) -> None:
        """Undo the crossing: the platform was certainly not told."""
        if self._kind is not Kind.UPLOAD:
            return
        self._insist(self._unmark, self._now() + int(_NOT_AFTER * self._lease.ttl))
        self._recorder.is_behind_fence = False

    def _turn_back_if_asked(self) -> None:
        """Undo the mark where a stop came while it was being made."""
        if self._stop.reason:
            self.reopen()
            raise self._stop.reason

    def _insist(self, statement: "_Statement", not_after: int) -> None:
        """Do it although the database is away for a moment; raise LeaseLost when that lasts."""
        is_again = False
        while True:
            try:
                with self._database.writing() as db:
                    return statement(db, is_again=is_again)
            except OUTAGE:
                if self._now() > not_after:
                    raise LeaseLost from None
                is_again = True
                time.sleep(_BETWEEN_TRIES)

    def _mark(self, db: Writer, *, is_again: bool) -> None:
        if queue.pass_fence(db, self._lease):
            return
        # The commit may have succeeded although its answer was lost; only we can have done it.
        if is_again and queue.has_passed_fence(db, self._lease):
            return
        raise ReleaseCanceled if queue.cancel_is_requested(db, self._lease) else LeaseLost

    def _unmark(self, db: Writer, *, is_again: bool) -> None:
        # A machine that stood still behind the fence may find its release unknown by now.
        queue.reclaim(db, self._lease)
        if queue.reopen_fence(db, self._lease):
            return
        if not (is_again and queue.renew(db, self._lease)):
            raise LeaseLost


class _Statement(Protocol):
    def __call__(self, db: Writer, *, is_again: bool) -> None: ...
