"""The loop that cleans a worker's data folder lives on when a cleanup fails.

Issue 12, number 2; the other loops are in test_loops.py.
"""

import threading
from functools import partial

import pytest

from mprelease.engine import upkeep
from mprelease.storage.outage import OUTAGE
from mprelease.supervision import Backoff, LoopSupervisor

TIMES = 3


class Cleaning:
    """A cleanup that fails at its first runs."""

    is_low = False

    def __init__(self) -> None:
        self.runs = 0
        self.done = threading.Event()

    def run(self, **_: object) -> tuple[()]:
        self.runs += 1
        if self.runs <= TIMES:
            raise ValueError("unforeseen")
        self.done.set()
        return ()


def test_a_failed_cleanup_is_counted_and_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "INTERVAL_SECONDS", 0.01)
    loops = LoopSupervisor(OUTAGE, Backoff(0.01, 0.02))
    over, cleaning = threading.Event(), Cleaning()
    turn = partial(upkeep.Upkeep(cleaning, first=0.01).turn, over)
    thread = loops.thread("cleanup", turn, over)
    assert cleaning.done.wait(20)
    over.set()
    thread.join(20)
    assert loops.failures.by_loop() == {"cleanup": TIMES}
