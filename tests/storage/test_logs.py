"""Log lines: kept in chunks, read back exactly."""

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from mprelease.domain.logs import LogLine, Position
from mprelease.domain.releases import Stage
from mprelease.storage import logs
from mprelease.storage.database import Database
from sample_rows import add_app, add_release


def some_lines(count: int, first: int = 1) -> list[LogLine]:
    return [
        LogLine(Position(1, number), 1000 + number, Stage.BUILD, f"行 {number} \x1b[32mok\x1b[0m")
        for number in range(first, first + count)
    ]


def test_lines_come_back_in_order_whatever_the_chunks(database: Database) -> None:
    with database.writing() as db:
        release = add_release(db, add_app(db))
        logs.append(db, release, some_lines(3))
        logs.append(db, release, some_lines(1, first=4))
    with database.reading() as db:
        assert list(logs.after(db, release)) == some_lines(4)


@settings(deadline=None)  # a loaded machine is no bug
@given(start=st.integers(0, 10))
def test_reading_on_from_a_position_gives_exactly_the_rest(start: int) -> None:
    database = Database("sqlite://")
    # One connection holds the database in memory, so reading and writing share it.
    from mprelease.storage.tables import metadata

    with database.writing() as db:
        metadata.create_all(db.connection)
        release = add_release(db, add_app(db))
        logs.append(db, release, some_lines(4))
        logs.append(db, release, some_lines(6, first=5))
        rest = list(logs.after(db, release, Position(1, start)))
    database.close()
    assert rest == some_lines(10 - start, first=start + 1)


def test_the_lines_of_a_second_attempt_follow_those_of_the_first(database: Database) -> None:
    again = LogLine(Position(2, 1), 5, Stage.CHECKOUT, "again")
    with database.writing() as db:
        release = add_release(db, add_app(db))
        logs.append(db, release, some_lines(2))
        logs.append(db, release, [again])
    with database.reading() as db:
        assert list(logs.after(db, release, Position(1, 2))) == [again]


def test_fifty_thousand_lines_are_read_back_within_a_second_of_work(database: Database) -> None:
    with database.writing() as db:
        release = add_release(db, add_app(db))
        for first in range(1, 50_001, 500):
            logs.append(db, release, some_lines(500, first))
    began = time.process_time()
    with database.reading() as db:
        count = sum(1 for _ in logs.after(db, release))
    assert count == 50_000
    assert time.process_time() - began < 1
