"""The newest lines have no gap and no double, in whatever order they come."""

from hypothesis import given
from hypothesis import strategies as st

from mprelease.domain.logs import START, LogLine, Position
from mprelease.domain.releases import Stage
from mprelease.live.log_tail import LogTail


def lines(attempt: int, first: int, count: int, stage: Stage = Stage.BUILD) -> list[LogLine]:
    numbers = range(first, first + count)
    return [LogLine(Position(attempt, n), n, stage, f"{attempt}-{n}") for n in numbers]


def texts(tail: LogTail, position: Position) -> list[str] | None:
    found = tail.after(position)
    return None if found is None else [text for one in found for _, text in one.entries]


def test_lines_that_follow_are_told_behind_any_position() -> None:
    tail = LogTail()
    tail.add(lines(1, 1, 3))
    tail.add(lines(1, 4, 2, Stage.PUBLISH))
    assert texts(tail, Position(1, 0)) == ["1-1", "1-2", "1-3", "1-4", "1-5"]
    found = tail.after(Position(1, 1))
    assert found
    assert [(one.first, one.stage) for one in found] == [
        (Position(1, 2), Stage.BUILD),
        (Position(1, 4), Stage.PUBLISH),
    ]
    assert texts(tail, Position(1, 5)) == []


def test_who_has_heard_nothing_knows_nothing() -> None:
    assert LogTail().after(Position(0, 0)) is None


def test_lines_behind_a_gap_wait_until_it_is_filled() -> None:
    tail = LogTail()
    tail.add(lines(1, 1, 3))
    tail.add(lines(1, 6, 2))
    tail.add(lines(1, 8, 1))
    assert tail.end == Position(1, 3)
    tail.add(lines(1, 4, 2))
    assert texts(tail, Position(1, 2)) == ["1-3", "1-4", "1-5", "1-6", "1-7", "1-8"]


def test_lines_from_the_middle_wait_for_where_the_storage_ends() -> None:
    tail = LogTail()
    tail.add(lines(2, 41, 2))
    assert tail.end == START
    tail.begin(Position(2, 40))
    assert texts(tail, Position(2, 40)) == ["2-41", "2-42"]


def test_a_new_attempt_begins_anew_and_the_former_one_is_the_storages() -> None:
    tail = LogTail()
    tail.add(lines(1, 1, 3))
    tail.add(lines(2, 1, 1))
    assert texts(tail, Position(1, 2)) is None
    assert texts(tail, Position(2, 0)) == ["2-1"]
    # What a lost worker still says changes nothing.
    tail.add(lines(1, 4, 1))
    assert tail.end == Position(2, 1)


def test_lines_that_were_never_stored_are_forgotten() -> None:
    tail = LogTail(kept=3)
    tail.add(lines(1, 1, 8))
    tail.cut(Position(2, 1))
    assert tail.end == Position(1, 8)
    tail.cut(Position(1, 6))
    assert texts(tail, Position(1, 5)) == ["1-6"]
    tail.cut(Position(1, 2))
    assert texts(tail, Position(1, 2)) == []


def test_only_the_newest_lines_are_kept() -> None:
    tail = LogTail(kept=10)
    for first in range(1, 101, 5):
        tail.add(lines(1, first, 5))
    assert texts(tail, Position(1, 0)) is None
    assert texts(tail, Position(1, 95)) == [f"1-{n}" for n in range(96, 101)]


def test_what_is_kept_and_what_is_told_at_once_is_bounded_in_bytes() -> None:
    """Issue 12, number 32."""
    tail = LogTail(kept_bytes=1 << 20)
    for number in range(1, 501):
        long = LogLine(Position(1, number), 0, Stage.BUILD, f"{number} " + "x" * 65_000)
        tail.add([long])
    assert tail.after(Position(1, 400)) is None
    passages = tail.after(Position(1, 490))
    assert passages
    (passage,) = passages
    assert passage.first == Position(1, 491)
    assert 1 < len(passage.entries) < 8
    early = LogTail(kept_bytes=1 << 20)
    for number in range(7, 507):
        early.add([LogLine(Position(1, number), 0, Stage.BUILD, "发" * 20_000)])
    assert len(early._early) < 60


PIECES = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 9)), max_size=60)


@given(PIECES, st.integers(0, 60))
def test_whatever_comes_what_is_told_follows_without_gap_or_double(
    pieces: list[tuple[int, int]], after: int
) -> None:
    tail = LogTail(kept=12)
    received: set[int] = set()
    for first, count in pieces:
        before = tail.end.line
        tail.add(lines(1, first, count))
        received |= set(range(first, first + count))
        assert tail.end.line >= before
        if before and first <= before + 1:
            assert tail.end.line >= first + count - 1, "what follows is taken at once"
    passages, end = texts(tail, Position(1, after)), tail.end.line
    assert set(range(1, end + 1)) <= received
    if passages is not None:
        assert passages == [f"1-{n}" for n in range(after + 1, end + 1)]
    elif end:
        assert after > end or end - after > 12


@given(PIECES)
def test_what_the_storage_tells_fills_every_gap(pieces: list[tuple[int, int]]) -> None:
    tail = LogTail()
    tail.begin(Position(1, 0))
    for first, count in pieces:
        tail.add(lines(1, first, count))
    last = max([first + count - 1 for first, count in pieces], default=0)
    if last > tail.end.line:
        tail.add(lines(1, tail.end.line + 1, last - tail.end.line))
    assert texts(tail, Position(1, 0)) == [f"1-{n}" for n in range(1, last + 1)]
