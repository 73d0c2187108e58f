"""The fence that an upload passes once, just before anything is sent."""

from collections.abc import Callable

from mprelease.domain.errors import LeaseLost, ReleaseCanceled
from mprelease.domain.releases import Kind
from mprelease.process.tree import Stop
from mprelease.storage import queue
from mprelease.storage.database import Database
from mprelease.storage.queue import LEASE_MS, Lease

# The bridge refuses to begin later than this after the fence: well before the lease can expire.
_NOT_AFTER_MS = int(0.6 * LEASE_MS)


class DatabaseFence:
    """Let an upload through if the row says that it is ours, wanted and not yet begun."""

    def __init__(
        self, database: Database, lease: Lease, kind: Kind, stop: Stop, now: Callable[[], int]
    ) -> None:
        """Take the lease, what is published, and the clock in ms."""
        self._database = database
        self._lease = lease
        self._kind = kind
        self._stop = stop
        self._now = now

    def cross(self) -> int:
        """Return until when sending may begin; a preview is harmless and needs no mark."""
        self._stop.raise_if_asked()
        # Read before the statement: the deadline counts from the past, never from the future.
        not_after = self._now() + _NOT_AFTER_MS
        if self._kind is Kind.UPLOAD:
            self._mark()
        return not_after

    def _mark(self) -> None:
        with self._database.writing() as db:
            if queue.pass_fence(db, self._lease):
                return
            canceled = queue.cancel_is_requested(db, self._lease)
        raise ReleaseCanceled if canceled else LeaseLost
