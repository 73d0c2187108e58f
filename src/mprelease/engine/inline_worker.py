"""Run a worker within a command, unless another process owns the data folder."""

import time
from collections.abc import Callable

from mprelease.engine.worker import Worker
from mprelease.workspace.layout import Layout
from mprelease.workspace.owner_lock import owning

_POLL_SECONDS = 0.1


def work_until(is_enough: Callable[[], bool], worker: Callable[[], Worker], layout: Layout) -> None:
    """Run releases until `is_enough`, while this process can lock the data folder.

    Releases that still run at the end are requeued.
    """
    while not is_enough():
        with owning(layout) as is_mine:
            if is_mine:
                _work(is_enough, worker())
        if not is_enough():
            time.sleep(_POLL_SECONDS)


def _work(is_enough: Callable[[], bool], worker: Worker) -> None:
    worker.recover()
    worker.start()
    try:
        while not is_enough():
            time.sleep(_POLL_SECONDS)
    finally:
        worker.close(requeue=True)
        worker.join()
