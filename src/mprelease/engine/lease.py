"""Renew a lease while a release runs, and stop the release when the lease is lost."""

import threading
from collections.abc import Callable, Iterator
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
) -> Iterator[Callable[[], None]]:
    """Renew the lease during the block; stop the release if it is lost or canceled.

    Yield a function that looks at once.
    """
    pause = _Pause()
    arguments = (database, lease, recorder, stop, pause)
    # A new thread does not inherit the log's context.
    keep = partial(copy_context().run, _keep, *arguments)
    keeper = threading.Thread(target=keep, name="lease")
    keeper.start()
    try:
        yield pause.end
    finally:
        pause.is_over = True
        pause.end()
        keeper.join()


class _Pause:
    """The pause between two renewals, which can be ended early."""

    def __init__(self) -> None:
        self.is_over = False
        self._is_due = threading.Event()

    def end(self) -> None:
        self._is_due.set()

    def wait(self) -> bool:
        """Wait for the next renewal; return whether there is one."""
        self._is_due.wait(_BEAT_SECONDS)
        self._is_due.clear()
        return not self.is_over


def _keep(
    database: Database,
    lease: Lease,
    recorder: DatabaseRecorder,
    stop: Stop,
    pause: _Pause,
) -> None:
    while pause.wait():
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
