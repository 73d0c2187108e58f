"""How far a release is, compared with its estimate."""

from dataclasses import replace

import pytest

from mprelease.domain.progress import remaining_ms, slowness
from mprelease.domain.releases import Estimate, Stage, StageRecord, StageState, State
from releases_of_tests import RUNNING

USUAL = Estimate({Stage.CHECKOUT: 1000, Stage.INSTALL: 2000, Stage.BUILD: 8000}, 10)
DONE, NOW_RUNS, LATER = StageState.SUCCEEDED, StageState.RUNNING, StageState.PENDING
HALF = replace(
    RUNNING,
    started_at=0,
    estimate=USUAL,
    stages=(
        StageRecord(Stage.CHECKOUT, DONE, 0, 500),
        StageRecord(Stage.INSTALL, NOW_RUNS, 500),
        StageRecord(Stage.BUILD, LATER),
    ),
)


@pytest.mark.parametrize(
    ("now", "rest"), [(500, 10_000), (1500, 9000), (2500, 8000), (60_000, 8000), (0, 10_000)]
)
def test_what_remains_is_the_rest_of_the_running_stage_and_all_later_ones(
    now: int, rest: int
) -> None:
    assert remaining_ms(HALF, now) == rest


def test_nothing_is_expected_without_an_estimate_or_after_the_end() -> None:
    assert remaining_ms(replace(HALF, estimate=None), 0) is None
    assert remaining_ms(replace(HALF, state=State.FAILED), 0) is None
    assert remaining_ms(replace(HALF, state=State.QUEUED, started_at=None), 0) is not None


def test_a_release_is_slow_from_one_and_a_half_times_its_estimate() -> None:
    assert USUAL.expected_ms == 11_000
    assert slowness(HALF, 16_000) is None
    assert slowness(HALF, 22_000) == 2
    assert slowness(replace(HALF, state=State.SUCCEEDED), 22_000) is None
    assert slowness(replace(HALF, estimate=None), 22_000) is None
