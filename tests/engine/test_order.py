"""Who goes first: the longest wait, priority counted as waiting, nobody overtakes within a key."""

import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import releases, repetition
from mprelease.services.releases import AGEING_MS
from mprelease.storage import clock
from mprelease.storage.candidates import candidates
from worker_pool import WorkerPool

NOON = 1_795_320_000_000


def requested(pool: WorkerPool, app: str, *, minute: float = 0, priority: int = 0) -> int:
    wanted = ReleaseRequest(app=app, kind=Kind.UPLOAD, priority=priority)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "read", lambda _: NOON + int(minute * AGEING_MS))
        return releases.request(pool.services, pool.who, wanted)


def line(pool: WorkerPool) -> list[int]:
    with pool.services.database.reading() as db:
        return candidates(db, ("default", "intranet"))


def test_who_waits_longest_goes_first(pool: WorkerPool) -> None:
    later = requested(pool, "shop-1", minute=1)
    earlier = requested(pool, "shop-2", minute=0)
    assert line(pool) == [earlier, later]


def test_a_step_of_priority_counts_as_a_minute_of_waiting(pool: WorkerPool) -> None:
    first = requested(pool, "shop-1")
    urgent = requested(pool, "shop-2", minute=2, priority=3)
    assert line(pool) == [urgent, first]


def test_nothing_starves_behind_what_is_urgent(pool: WorkerPool) -> None:
    patient = requested(pool, "shop-1", priority=-5)
    urgent = requested(pool, "shop-2", minute=20, priority=10)
    assert line(pool) == [patient, urgent]


def test_within_a_key_nobody_overtakes_however_urgent(pool: WorkerPool) -> None:
    first = requested(pool, "shop-1", minute=1)
    urgent = requested(pool, "shop-1", minute=2, priority=10)
    assert line(pool) == [first, urgent]


def test_a_priority_out_of_range_is_refused(pool: WorkerPool) -> None:
    with pytest.raises(Refused) as refused:
        requested(pool, "shop-1", priority=100)
    assert refused.value.problem_detail.problem is Problem.PRIORITY_RANGE


def test_again_asks_for_the_same_with_a_new_version(pool: WorkerPool) -> None:
    first = pool.request("build=1")
    again = releases.request(pool.services, pool.who, repetition.again(pool.services, first))
    one, other = pool.release(first), pool.release(again)
    assert one.version != other.version
    same = ("app_id", "kind", "ref", "environment", "robot", "description", "launch")
    assert [getattr(one, name) for name in same] == [getattr(other, name) for name in same]
