"""Be a worker for as long as somebody waits, unless another process works here already."""

import time
from collections.abc import Callable

from mprelease.engine.worker import Worker
from mprelease.workspace.layout import Layout
from mprelease.workspace.ownership import owning

_LOOK_SECONDS = 0.1


def work_until(is_enough: Callable[[], bool], worker: Callable[[], Worker], layout: Layout) -> None:
    """Run releases until it is enough, whenever this process gets to own the data folder.

    What runs then for somebody else goes back into the queue, where that one will find it.
    """
    while not is_enough():
        with owning(layout) as is_mine:
            if is_mine:
                _work(is_enough, worker())
        if not is_enough():
            time.sleep(_LOOK_SECONDS)


def _work(is_enough: Callable[[], bool], worker: Worker) -> None:
    worker.recover()
    worker.start()
    try:
        while not is_enough():
            time.sleep(_LOOK_SECONDS)
    finally:
        worker.close(requeue=True)
        worker.join()
