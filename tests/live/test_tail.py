"""The newest lines have no gap and no double, in whatever order they come."""

from hypothesis import given
from hypothesis import strategies as st

from mprelease.domain.logs import LogLine, Position
from mprelease.domain.releases import Stage
from mprelease.live.tail import Tail


def lines(attempt: int, first: int, count: int, stage: Stage = Stage.BUILD) -> list[LogLine]:
    numbers = range(first, first + count)
    return [LogLine(Position(attempt, n), n, stage, f"{attempt}-{n}") for n in numbers]


def texts(tail: Tail, position: Position) -> list[str] | None:
    found = tail.after(position)
    return None if found is None else [text for one in found for _, text in one.entries]


def test_lines_that_follow_are_told_behind_any_position() -> None:
    tail = Tail()
    assert tail.add(lines(1, 1, 3))
    assert tail.add(lines(1, 4, 2, Stage.PUBLISH))
    assert texts(tail, Position(1, 0)) == ["1-1", "1-2", "1-3", "1-4", "1-5"]
    found = tail.after(Position(1, 1))
    assert found
    assert [(one.first, one.stage) for one in found] == [
        (Position(1, 2), Stage.BUILD),
        (Position(1, 4), Stage.PUBLISH),
    ]
    assert texts(tail, Position(1, 5)) == []


def test_who_has_heard_nothing_knows_nothing() -> None:
    assert Tail().after(Position(0, 0)) is None


def test_a_gap_is_not_bridged() -> None:
    tail = Tail()
    assert tail.add(lines(1, 1, 3))
    assert not tail.add(lines(1, 5, 1))
    assert tail.end == Position(1, 3)


def test_a_new_attempt_begins_anew_and_the_former_one_is_the_storages() -> None:
    tail = Tail()
    tail.add(lines(1, 1, 3))
    assert tail.add(lines(2, 1, 1))
    assert texts(tail, Position(1, 2)) is None
    assert texts(tail, Position(2, 0)) == ["2-1"]
    assert tail.add(lines(1, 4, 1)), "what a lost worker still says changes nothing"
    assert tail.end == Position(2, 1)


def test_only_the_newest_lines_are_kept() -> None:
    tail = Tail(kept=10)
    for first in range(1, 101, 5):
        tail.add(lines(1, first, 5))
    assert texts(tail, Position(1, 0)) is None
    assert texts(tail, Position(1, 95)) == [f"1-{n}" for n in range(96, 101)]


PIECES = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 9)), max_size=60)


@given(PIECES, st.integers(0, 40))
def test_whatever_comes_what_is_told_follows_without_gap_or_double(
    pieces: list[tuple[int, int]], after: int
) -> None:
    tail = Tail(kept=12)
    heard = 0
    for first, count in pieces:
        added = tail.add(lines(1, first, count))
        assert added is (first <= heard + 1)
        heard = max(heard, first + count - 1) if added else heard
    told = texts(tail, Position(1, after))
    if told is not None:
        assert told == [f"1-{n}" for n in range(after + 1, heard + 1)]
    elif pieces:
        assert after > heard or heard - after > 12
