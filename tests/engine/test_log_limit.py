"""A log that is too long keeps its beginning and its end, stage by stage (issue 12, number 32)."""

import pytest

from mprelease.domain.logs import LogLimits
from mprelease.engine.log_limit import LimitedLog
from mprelease.i18n import Language, Translator

ENGLISH = Translator(Language.ENGLISH)


def written(log: LimitedLog, lines: list[str]) -> list[str]:
    return [kept for line in lines for kept in log.take(line)] + log.end_stage()


def test_a_log_within_its_limits_is_kept_as_it_is() -> None:
    lines = [f"line {number}" for number in range(50)]
    assert written(LimitedLog(LogLimits(1000, 100), ENGLISH), lines) == lines


def test_of_too_many_lines_the_first_and_the_last_are_kept_and_the_cut_is_said() -> None:
    lines = [f"line {number}" for number in range(1000)]
    kept = written(LimitedLog(LogLimits(1 << 20, 100), ENGLISH), lines)
    assert kept[:50] == lines[:50]
    assert "too long" in kept[50]
    assert kept[51].startswith("(925 lines, 0.0 MiB, were left out here")
    assert kept[52:] == lines[-25:]


@pytest.mark.parametrize("line", ["x" * 100, "发" * 100, "😀" + "x" * 100], ids=["x", "发", "😀"])
def test_of_too_many_bytes_the_first_and_the_last_are_kept(line: str) -> None:
    log = LimitedLog(LogLimits(100_000, 10**6), ENGLISH)
    lines = [f"{number} {line}" for number in range(10_000)]
    kept = written(log, lines)
    assert kept[0] == lines[0]
    assert kept[-1] == lines[-1]
    assert 70_000 < sum(len(each.encode()) for each in kept) < 76_000


def test_what_waits_takes_no_more_than_its_part() -> None:
    log = LimitedLog(LogLimits(100_000, 10**6), ENGLISH)
    kept_lines = [kept for _ in range(10_000) for kept in log.take("x" * 1000)]
    assert len(kept_lines) == 51
    assert sum(map(len, log._tail)) <= 25_000


def test_a_stage_that_says_too_much_leaves_something_to_those_that_follow() -> None:
    log = LimitedLog(LogLimits(64_000, 64_000), ENGLISH)
    flood = ["x" * 99] * 10_000
    total = 0
    for _ in range(4):
        kept = written(log, flood)
        assert len(kept) > 2
        total += sum(len(each) for each in kept if each == flood[0])
    assert total <= 64_000


def test_a_line_that_is_longer_than_all_that_may_be_kept_is_left_out() -> None:
    kept = written(LimitedLog(LogLimits(1000, 100), ENGLISH), ["first", "x" * 2000, "last"])
    assert (kept[0], kept[-1], len(kept)) == ("first", "last", 4)
