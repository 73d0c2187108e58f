"""The fence that an upload passes once, just before anything is sent."""

import time

from mprelease.domain.errors import LeaseLost, ReleaseCanceled
from mprelease.domain.releases import Kind
from mprelease.engine.recorder import DatabaseRecorder
from mprelease.process.tree import Stop
from mprelease.services.house import House
from mprelease.storage import queue
from mprelease.storage.outage import OUTAGE
from mprelease.storage.queue import Lease

# The bridge refuses to begin later than this after the fence: well before the lease can expire.
_NOT_AFTER = 0.6
_BETWEEN_TRIES = 0.2


class DatabaseFence:
    """Let an upload through if the row says that it is ours, wanted and not yet begun."""

    def __init__(
        self,
        house: House,
        lease: Lease,
        kind: Kind,
        stop: Stop,
        recorder: DatabaseRecorder,
    ) -> None:
        """Take the lease, what is published, who may ask for its stop, and who is to know."""
        self._database = house.database
        self._now = house.now
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
            self._mark(not_after)
            self._recorder.is_behind_fence = True
            self._turn_back_if_asked()
        return not_after

    def take_back(self) -> None:
        """Undo the crossing: the platform was certainly not told."""
        if self._kind is not Kind.UPLOAD:
            return
        with self._database.writing() as db:
            if not queue.take_back(db, self._lease):
                raise LeaseLost
        self._recorder.is_behind_fence = False

    def _turn_back_if_asked(self) -> None:
        """Undo the mark where a stop came while it was being made."""
        if self._stop.reason:
            self.take_back()
            raise self._stop.reason

    def _mark(self, not_after: int) -> None:
        is_first_try = True
        while True:
            try:
                self._pass(may_have_passed=not is_first_try)
            except OUTAGE:
                if self._now() > not_after:
                    raise LeaseLost from None
                is_first_try = False
                time.sleep(_BETWEEN_TRIES)
            else:
                return

    def _pass(self, *, may_have_passed: bool) -> None:
        with self._database.writing() as db:
            if queue.pass_fence(db, self._lease):
                return
            # The commit may have succeeded although its answer was lost; only we can have done it.
            if may_have_passed and queue.has_passed_fence(db, self._lease):
                return
            canceled = queue.cancel_is_requested(db, self._lease)
        raise ReleaseCanceled if canceled else LeaseLost
