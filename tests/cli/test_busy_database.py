"""A busy or absent database is told as that, and whoever holds no lease waits for it.

Issue 12, number 6.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from mprelease.cli import acceptance, follow
from mprelease.cli.acceptance import accepted
from mprelease.cli.follow import FollowedRelease, View
from mprelease.domain.errors import ProblemError, Refused
from mprelease.domain.problems import Problem
from mprelease.services import projects
from mprelease.storage.contention import is_contention
from mprelease.storage.database import Database, sqlite_url
from mprelease.storage.engines import NORMAL, Timeouts, timeouts_for

Call = Callable[..., Any]


def busy() -> OperationalError:
    """Return what SQLite raises where others keep it locked."""
    cause = sqlite3.OperationalError("database is locked")
    cause.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return OperationalError("BEGIN IMMEDIATE", None, cause)


def away() -> OperationalError:
    """Return what a server's driver raises when the server is gone."""
    return OperationalError("SELECT 1", None, OSError(2013, "lost connection to db.internal"))


@contextmanager
def locked(file: Path, seconds: float) -> Iterator[None]:
    """Hold SQLite's lock for writers from another connection for a while."""
    begun = threading.Event()

    def hold() -> None:
        with sqlite3.connect(file, isolation_level=None) as connection:
            connection.execute("BEGIN IMMEDIATE")
            begun.set()
            time.sleep(seconds)
            connection.execute("COMMIT")
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert begun.wait(10)
    yield
    holder.join()


def test_only_whoever_holds_a_lease_waits_less_for_a_short_one(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "one.db"))
    assert database.with_timeouts(timeouts_for(5)).is_sqlite
    assert timeouts_for(5) == Timeouts(connect=1, lock=1, answer=2, idle=3)
    assert timeouts_for(30).file_lock == NORMAL.lock < NORMAL.file_lock


@pytest.mark.lasting
def test_a_command_waits_longer_than_a_short_lease_for_the_file(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPRELEASE_LEASE_SECONDS", "5")
    assert call("project", "add", "web", "--repository", "/srv/web.git").code == 0
    with locked(tmp_path / "data" / "mprelease.db", 3):
        answer = call("project", "edit", "web", "--branch", "trunk")
    assert (answer.code, answer.err) == (0, "")


@pytest.mark.lasting
def test_a_busy_database_is_told_and_nothing_was_accepted(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    assert call("project", "add", "web", "--repository", "/srv/web.git").code == 0
    real = Database.__init__

    def with_short_timeouts(self: Database, url: Any, *_: Any, **__: Any) -> None:
        real(self, url, Timeouts(file=1))

    monkeypatch.setattr(Database, "__init__", with_short_timeouts)
    with locked(tmp_path / "data" / "mprelease.db", 4):
        answer = call("project", "edit", "web", "--branch", "trunk")
    assert answer.code == 2
    assert "The database is busy" in answer.err
    assert "report" not in answer.err


@pytest.mark.lasting
def test_a_rush_of_24_who_hold_no_lease_is_served_beside_a_busy_worker(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "one.db")
    worker, over = Database(url, timeouts_for(5)), threading.Event()
    with worker.writing() as db:
        db.connection.execute(text("CREATE TABLE accepted (number INTEGER)"))

    def work() -> None:
        while not over.wait(0.02):
            with worker.writing():
                time.sleep(0.2)

    def accept(number: int) -> None:
        # As another process does: with connections and a turn of its own.
        database = Database(url)
        with database.writing() as db:
            db.connection.execute(text("INSERT INTO accepted VALUES (:n)"), {"n": number})
        database.close()

    working = threading.Thread(target=work)
    working.start()
    try:
        with ThreadPoolExecutor(24) as rush:
            for _ in rush.map(accept, range(24)):
                pass
    finally:
        over.set()
        working.join()
    with worker.reading() as db:
        assert db.connection.scalar(text("SELECT COUNT(*) FROM accepted")) == 24
    worker.close()


def test_the_threads_of_a_process_do_not_wait_for_ever_either(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "one.db"), Timeouts(file=1))
    other = database.with_timeouts(Timeouts(file=1))
    with (
        database.writing(),
        pytest.raises(OperationalError) as refused,
        other.writing(),
    ):
        pass
    assert is_contention(refused.value)
    database.close()
    other.close()


def test_what_a_driver_raises_by_itself_is_no_contention() -> None:
    assert not is_contention(OperationalError("", None, sqlite3.OperationalError("closed")))


def test_where_nothing_was_accepted_it_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptance, "_LONGEST_PAUSE", 0.0)
    times = count()

    def ask() -> int:
        if next(times) < 3:
            raise busy()
        return 7

    assert accepted(ask) == 7

    def never() -> int:
        raise busy()

    with pytest.raises(Refused) as refused:
        accepted(never)
    assert refused.value.problem_detail.problem is Problem.DATABASE_BUSY


def test_where_something_may_have_been_accepted_it_is_not_asked_again() -> None:
    times = count()

    def ask() -> int:
        next(times)
        raise away()

    with pytest.raises(ProblemError) as failed:
        accepted(ask)
    assert not isinstance(failed.value, Refused)
    assert failed.value.problem_detail.problem is Problem.DATABASE_UNUSABLE
    assert next(times) == 1


class Served:
    """An application whose database is somewhere else."""

    is_single_node = False


def test_whoever_follows_bears_a_database_that_is_away_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times, ended = count(), object.__new__(type("Ended", (), {"state": follow.State.SUCCEEDED}))

    def look(*_: object, **__: object) -> list[object]:
        if next(times) < 3:
            raise away()
        return [ended]

    monkeypatch.setattr(follow, "_update_views", look)
    monkeypatch.setattr(follow, "_POLL_SECONDS", 0.0)
    assert follow.follow(Served(), [FollowedRelease(1, View(lines=False))]) == [ended]  # type: ignore[arg-type]


def test_what_was_accepted_ends_with_1_where_the_database_stays_away(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(*_: object, **__: object) -> object:
        raise away()

    monkeypatch.setattr(follow, "_update_views", look)
    monkeypatch.setattr(follow, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(follow, "_OUTAGE_SECONDS", 0.05)
    with pytest.raises(ProblemError) as failed:
        follow.follow(Served(), [FollowedRelease(1, View(lines=False))])  # type: ignore[arg-type]
    assert not isinstance(failed.value, Refused)
    # What only asks has had nothing accepted.
    monkeypatch.setattr(projects, "edit", look)
    call("project", "add", "web", "--repository", "/srv/web.git")
    answer = call("project", "edit", "web", "--branch", "trunk")
    assert answer.code == 2
    assert "db.internal" in answer.err
