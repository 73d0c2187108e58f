"""The order of tests for xdist's processes."""

import pytest

from distribution import spread

TESTS = [f"{kind}{number}" for number in range(6) for kind in ("quick", "slow", "waits")]


def ordered(processes: int) -> list[str]:
    return spread(
        TESTS, processes, lambda test: test.startswith("slow"), lambda test: test[0] == "w"
    )


@pytest.mark.parametrize("processes", [1, 2, 3, 4, 50])
def test_every_test_is_run_once(processes: int) -> None:
    assert sorted(ordered(processes)) == sorted(TESTS)


def test_each_process_ends_with_quick_tests_and_one_begins_with_what_waits() -> None:
    order = ordered(3)
    parts = [order[start : start + 6] for start in (0, 6, 12)]
    assert parts[0] == ["slow0", "slow1", "waits0", "waits1", "quick0", "quick1"]
    assert parts[2] == ["waits4", "waits5", "slow4", "slow5", "quick4", "quick5"]
