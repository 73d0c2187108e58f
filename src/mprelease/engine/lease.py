"""Keep a lease alive while a release runs, and let it go when it cannot be kept."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DatabaseError

from mprelease.domain.errors import LeaseLost, ReleaseCanceled
from mprelease.engine.recorder import DatabaseRecorder
from mprelease.process.tree import Stop
from mprelease.storage import queue
from mprelease.storage.database import Database
from mprelease.storage.queue import LEASE_MS, Lease

_BEAT_SECONDS = 0.5
# With the database away for so long, stop before somebody else may begin.
_ALONE_SECONDS = 0.7 * LEASE_MS / 1000


@contextmanager
def kept_alive(
    database: Database, lease: Lease, recorder: DatabaseRecorder, stop: Stop
) -> Iterator[None]:
    """Renew the lease during the block; ask for the stop when it is lost or a cancel came."""
    over = threading.Event()
    arguments = (database, lease, recorder, stop, over)
    keeper = threading.Thread(target=_keep, args=arguments, name="lease")
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def _keep(
    database: Database,
    lease: Lease,
    recorder: DatabaseRecorder,
    stop: Stop,
    over: threading.Event,
) -> None:
    renewed_at = time.monotonic()
    while not over.wait(_BEAT_SECONDS):
        try:
            recorder.flush()
            renewed_at = time.monotonic()
            with database.reading() as db:
                if queue.cancel_is_requested(db, lease):
                    stop.ask(ReleaseCanceled())
        except LeaseLost as lost:
            stop.ask(lost)
            return
        except DatabaseError:  # it may come back in time
            if time.monotonic() - renewed_at > _ALONE_SECONDS:
                stop.ask(LeaseLost())
                return
        except Exception as error:  # noqa: BLE001 without a keeper nothing may go on
            stop.ask(error)
            return
