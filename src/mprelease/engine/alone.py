"""Be a worker for as long as somebody waits, unless another process works here already."""

import time
from collections.abc import Callable

from mprelease.engine.worker import Worker
from mprelease.workspace.layout import Layout
from mprelease.workspace.ownership import owning

_LOOK_SECONDS = 0.2


def work_until(is_enough: Callable[[], bool], worker: Worker, layout: Layout) -> None:
    """Run releases until it is enough, whenever this process gets to own the data folder."""
    while not is_enough():
        with owning(layout) as is_mine:
            if is_mine:
                worker.recover()
                worker.work(is_enough)
        if not is_enough():
            time.sleep(_LOOK_SECONDS)
