"""Who goes first: the longest wait, priority counted as waiting, nobody overtakes within a key."""

import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import releases
from mprelease.services.releases import AGEING_MS
from mprelease.storage import clock, queue
from yard import Yard

NOON = 1_795_320_000_000


def asked(yard: Yard, app: str, *, minute: float = 0, priority: int = 0) -> int:
    wanted = ReleaseRequest(app=app, kind=Kind.UPLOAD, priority=priority)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "read", lambda _: NOON + int(minute * AGEING_MS))
        return releases.request(yard.services, yard.who, wanted)


def line(yard: Yard) -> list[int]:
    with yard.services.database.reading() as db:
        return queue.candidates(db, ("default", "intranet"))


def test_who_waits_longest_goes_first(yard: Yard) -> None:
    later = asked(yard, "shop-1", minute=1)
    earlier = asked(yard, "shop-2", minute=0)
    assert line(yard) == [earlier, later]


def test_a_step_of_priority_counts_as_a_minute_of_waiting(yard: Yard) -> None:
    first = asked(yard, "shop-1")
    urgent = asked(yard, "shop-2", minute=2, priority=3)
    assert line(yard) == [urgent, first]


def test_nothing_starves_behind_what_is_urgent(yard: Yard) -> None:
    patient = asked(yard, "shop-1", priority=-5)
    urgent = asked(yard, "shop-2", minute=20, priority=10)
    assert line(yard) == [patient, urgent]


def test_within_a_key_nobody_overtakes_however_urgent(yard: Yard) -> None:
    first = asked(yard, "shop-1", minute=1)
    urgent = asked(yard, "shop-1", minute=2, priority=10)
    assert line(yard) == [first, urgent]


def test_a_priority_out_of_range_is_refused(yard: Yard) -> None:
    with pytest.raises(Refused) as refused:
        asked(yard, "shop-1", priority=100)
    assert refused.value.problem_detail.problem is Problem.PRIORITY_RANGE


def test_again_asks_for_the_same_with_a_new_version(yard: Yard) -> None:
    first = yard.ask("build=1")
    again = releases.request(yard.services, yard.who, releases.again(yard.services, first))
    one, other = yard.release(first), yard.release(again)
    assert one.version != other.version
    same = ("app_id", "kind", "ref", "environment", "robot", "description", "launch")
    assert [getattr(one, name) for name in same] == [getattr(other, name) for name in same]
