"""Renew a lease while a release runs, and stop the release when the lease is lost."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial

from mprelease.domain.errors import LeaseLost, ReleaseCanceled
from mprelease.engine.recorder import DatabaseRecorder
from mprelease.process.tree import Stop
from mprelease.storage import queue
from mprelease.storage.database import Database
from mprelease.storage.outage import OUTAGE
from mprelease.storage.queue import Lease

_BEAT_SECONDS = 0.5


@contextmanager
def kept_alive(
    database: Database, lease: Lease, recorder: DatabaseRecorder, stop: Stop
) -> Iterator[None]:
    """Renew the lease during the block; stop the release if it is lost or canceled."""
    over = threading.Event()
    arguments = (database, lease, recorder, stop, over)
    # A new thread does not inherit the log's context.
    keep = partial(copy_context().run, _keep, *arguments)
    keeper = threading.Thread(target=keep, name="lease")
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
    while not over.wait(_BEAT_SECONDS):
        try:
            recorder.flush()
            with database.reading() as db:
                if queue.cancel_is_requested(db, lease):
                    stop.ask(ReleaseCanceled())
        except OUTAGE:  # `flush` raises LeaseLost when the outage lasts too long.
            continue
        except LeaseLost as lost:
            stop.ask(lost)
            return
        except Exception as error:  # noqa: BLE001 without renewal the release must stop
            stop.ask(error)
            return
