"""The database's clock, read now and then, is the clock of all nodes."""

import threading
import time
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from databases import MARIADB, POSTGRESQL
from mprelease.application import opened
from mprelease.settings.settings import Settings
from mprelease.storage import clock
from mprelease.storage.clock import DatabaseClock
from mprelease.storage.database import Database

HOUR_MS = 3_600_000
on_servers = pytest.mark.parametrize(
    "kind", [pytest.param(one, marks=pytest.mark.servers) for one in (MARIADB, POSTGRESQL)]
)


def wait_for(name: str) -> None:
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(10)


def test_the_clock_agrees_with_the_database(database: Database) -> None:
    """Issue 12, number 12."""
    with database.reading() as db:
        assert abs(DatabaseClock(database)() - clock.read(db)) < 1000


@on_servers
@pytest.mark.parametrize("ahead", [-HOUR_MS, HOUR_MS])
def test_a_wrong_clock_of_a_machine_changes_no_time(
    database: Database,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ahead: int,
) -> None:
    """Issue 12, number 12."""
    right = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: right() + ahead * 1_000_000)
    node = opened(Settings(data_dir=tmp_path / "data", database_url=database_url))
    try:
        with database.reading() as db:
            assert abs(node.services.now() - clock.read(db)) < 1000
    finally:
        node.close()


@on_servers
def test_the_clock_is_read_again_after_a_while_and_goes_on_without_the_database(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database_ms, moment = [5_000_000], [100.0]

    def read(_: object) -> int:
        if not database_ms[0]:
            raise OperationalError("SELECT", None, Exception("away"))
        return database_ms[0]

    monkeypatch.setattr(clock, "read", read)
    now = DatabaseClock(database, lambda: moment[0])
    assert now() == 5_000_000
    database_ms[0] = 9_000_000
    moment[0] += 20
    assert now() == 5_020_000
    wait_for("clock of the database")
    assert now() == 5_020_000
    moment[0] += 20
    now()
    wait_for("clock of the database")
    assert now() == 9_000_000
    database_ms[0] = 0
    moment[0] += 40
    now()
    wait_for("clock of the database")
    assert now() == 9_040_000
