"""Durations and sizes, as pages and command line show them."""

import pytest

from mprelease.i18n.quantities import duration, size


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (-5, "0.0 s"),
        (0, "0.0 s"),
        (13_340, "13.3 s"),
        (60_000, "1:00 min"),
        (3_723_400, "62:03 min"),
    ],
)
def test_a_duration_has_a_tenth_of_a_second_below_a_minute(milliseconds: int, words: str) -> None:
    assert duration(milliseconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 KB"),
        (2580 * 1024 // 5, "516 KB"),
        (2**20, "1.00 MB"),
        (2_076_180, "1.98 MB"),
        (20 * 2**20, "20.00 MB"),
    ],
)
def test_a_size_near_its_limit_can_be_told_from_it(count: int, words: str) -> None:
    assert size(count) == words
