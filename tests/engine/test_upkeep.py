"""A worker whose disk is nearly full cleans first, and claims no release until there is room."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from databases import SQLITE
from mprelease.domain.releases import State
from mprelease.domain.stores import StoreReport
from mprelease.engine import upkeep
from mprelease.engine.upkeep import Upkeep
from worker_pool import WorkerPool, wait_until


@pytest.fixture
def kind() -> str:
    return SQLITE


@dataclass
class Disk:
    """A disk, and the cleanup that frees it once `helps` is set."""

    is_low: bool = True
    runs: int = 0
    helps: threading.Event = field(default_factory=threading.Event)

    def run(self, *, goes_on: Callable[[], bool]) -> Sequence[StoreReport]:
        self.runs += 1
        self.is_low = not self.helps.is_set()
        return []


def test_a_release_starts_as_soon_as_a_cleanup_has_freed_the_disk(pool: WorkerPool) -> None:
    disk = Disk()
    disk.helps.set()
    waiting = pool.request()
    pool.worker(upkeep=Upkeep(disk, first=3600))
    pool.becomes(waiting, State.SUCCEEDED)
    assert disk.runs == 1


def test_a_release_stays_queued_while_the_disk_is_nearly_full(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_AGAIN_SECONDS", 0.05)
    disk = Disk()
    waiting = pool.request()
    pool.worker(upkeep=Upkeep(disk, first=3600))
    wait_until(lambda: disk.runs > 1)
    assert pool.release(waiting).state is State.QUEUED
    disk.helps.set()
    pool.becomes(waiting, State.SUCCEEDED)


def test_a_cleanup_that_fails_is_repeated(pool: WorkerPool) -> None:
    class Broken(Disk):
        def run(self, *, goes_on: Callable[[], bool]) -> Sequence[StoreReport]:
            self.runs += 1
            if self.runs == 1:
                raise OSError("unreadable")
            self.is_low = False
            return []

    disk = Broken()
    waiting = pool.request()
    pool.worker(upkeep=Upkeep(disk, first=0.2))
    wait_until(lambda: disk.runs > 0)
    disk.is_low = False
    pool.becomes(waiting, State.SUCCEEDED)
