"""A worker as a process: `python -m chaos.worker PORT`; everything else comes from the settings.

It lives as `mprelease worker` does, and where the database lies in the data folder as the
temporary workers of `mprelease preview` do: the owner of the folder works for a while.
"""

import logging
import math
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass

from chaos.stages import pipeline
from light_pipeline import make_worker
from mprelease.application import Application, opened
from mprelease.cli import worker as command
from mprelease.domain.errors import Refused
from mprelease.engine.inline_worker import work_until
from mprelease.engine.recorder import LogListener
from mprelease.engine.worker import Worker, WorkerConfig
from mprelease.settings.settings import load
from mprelease.storage.outage import OUTAGE
from mprelease.workspace.owner_lock import owning

SLOTS = 2
# How long the owner of a shared folder works before it gives it up, and then keeps away.
_TURN = (6.0, 20.0)
_REST_SECONDS = 0.5


@dataclass(frozen=True)
class ChaosApplication(Application):
    """An application whose workers run light stages, and publish to the vendor on `port`."""

    port: int = 0

    def worker(
        self, labels: tuple[str, ...], slots: int, live: LogListener | None = None
    ) -> Worker:
        """Return a real worker with light stages, without live updates."""
        lease = self.settings.lease_seconds * 1000
        config = WorkerConfig(self.worker_name, labels, slots, 0, lease)
        return make_worker(self.leased_services, self.layout.data, pipeline(self.port), config)


def main(port: int) -> None:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("mprelease").setLevel(logging.INFO)
    made = opened(load())
    application = ChaosApplication(
        made.settings, made.layout, made.services, made.messaging, made.loops, port
    )
    try:
        if application.is_single_node:
            _take_turns(application)
        else:
            with owning(application.layout) as is_mine:
                assert is_mine, "two processes for one node"
                command.work(application, application.settings.labels, SLOTS)
    finally:
        application.close()


def _take_turns(application: ChaosApplication) -> None:
    """Work whenever the folder is to be had, for a while, then let the others."""
    stop_requested = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop_requested.set())
    while not stop_requested.is_set():
        turn = _Turn(application, stop_requested)
        work_until(turn.is_over, turn.begin, application.layout)
        stop_requested.wait(_REST_SECONDS)


class _Turn:
    def __init__(self, application: ChaosApplication, stop_requested: threading.Event) -> None:
        self._application = application
        self._stop_requested = stop_requested
        self._until = math.inf

    def begin(self) -> Worker:
        self._until = time.monotonic() + random.uniform(*_TURN)
        return self._application.worker(self._application.settings.labels, 2 * SLOTS)

    def is_over(self) -> bool:
        return self._stop_requested.is_set() or time.monotonic() > self._until


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except (Refused, *OUTAGE) as refused:  # It cannot begin now: its keeper starts it again.
        sys.exit(f"{refused!r}"[:300])
