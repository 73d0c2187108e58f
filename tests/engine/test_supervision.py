"""Supervised loops pause longer after each failure, and wait for outages to end."""

import threading
from dataclasses import replace
from itertools import count

import pytest

from mprelease.storage.outage import OUTAGE
from mprelease.supervision import Backoff, LoopSupervisor

pytestmark = pytest.mark.lasting


@pytest.fixture
def loops() -> LoopSupervisor:
    return LoopSupervisor(OUTAGE, Backoff(0.01, 0.05))


def test_pauses_grow_and_end_with_the_first_turn_that_succeeds() -> None:
    backoff = Backoff(1, 10)
    assert [backoff.after(number) for number in range(1, 7)] == [1, 2, 4, 8, 10, 10]
    assert backoff.after(10_000) == 10


def test_an_outage_is_waited_out_told_once_and_not_counted(
    loops: LoopSupervisor, caplog: pytest.LogCaptureFixture
) -> None:
    over, times = threading.Event(), count()

    def turn() -> None:
        if next(times) < 5:
            raise ConnectionError("away")
        over.set()

    supervisor = replace(loops, outages=(ConnectionError,))
    supervisor.thread("watcher", turn, over).join(10)
    assert next(times) == 6
    assert not loops.failures.total
    assert [record.levelname for record in caplog.records] == ["WARNING"]
