"""The order of tests for xdist's processes."""

from distribution import spread

TESTS = ["slow0", "quick0", "waits0", "slow1", "waits1", "group0", "waits2", "slow2", "group1"]
TESTS += ["quick1", "waits3"]


def test_groups_come_first_and_quick_tests_last_and_what_waits_stands_between_slow_ones() -> None:
    order = spread(
        TESTS,
        lambda test: test.startswith("group"),
        lambda test: test.startswith("slow"),
        lambda test: test.startswith("waits"),
    )
    expected = "group0 group1 waits0 slow0 waits1 slow1 waits2 slow2 waits3 quick0 quick1"
    assert order == expected.split()


def test_a_test_of_two_kinds_is_run_once() -> None:
    def yes(_: str) -> bool:
        return True

    def no(_: str) -> bool:
        return False

    assert spread(TESTS, no, yes, yes) == TESTS
    assert spread(TESTS, no, no, yes) == TESTS
    assert spread(TESTS, yes, yes, yes) == TESTS
    assert spread(TESTS, no, no, no) == TESTS
    assert spread([], yes, yes, yes) == []
