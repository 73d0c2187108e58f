"""An SQLite file becomes shorter when rows are deleted, also one of an earlier version."""

import os
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import insert

from databases import SQLITE
from mprelease.storage import retention
from mprelease.storage.database import Database, sqlite_url
from mprelease.storage.migrate import migrate
from mprelease.storage.tables import avatars, users

MEBI = 1 << 20


@pytest.fixture
def kind() -> str:
    return SQLITE


def filled(file: Path) -> Database:
    """A file with 20 MiB that are not needed any more, and 1 MiB that is."""
    database = Database(sqlite_url(file))
    migrate(database, file.with_suffix(".lock"))
    with database.writing() as db:
        for number in range(21):
            user = {"id": number, "name": f"user-{number}", "role": "viewer", "password": ""}
            db.connection.execute(insert(users).values(disabled=False, created_at=0, **user))
            image = os.urandom(MEBI)
            db.connection.execute(insert(avatars).values(user_id=number, image=image))
    with database.writing() as db:
        db.connection.execute(avatars.delete().where(avatars.c.user_id > 0))
    return database


def test_a_new_file_becomes_shorter(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    database = filled(file)
    database.checkpoint()
    assert file.stat().st_size > 20 * MEBI
    retention.give_back(database)
    assert file.stat().st_size < 2 * MEBI
    database.close()


def test_a_file_of_an_earlier_version_is_rewritten_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "old.db"
    earlier = Database(sqlite_url(file))
    with earlier.writing() as db:
        db.connection.exec_driver_sql("CREATE TABLE before (id INTEGER)")
    earlier.close()
    forget_mode(file)
    database = filled(file)
    retention.give_back(database)
    assert file.stat().st_size < 2 * MEBI
    monkeypatch.setattr(Database, "rewrite", None)
    retention.give_back(database)
    database.close()


def forget_mode(file: Path) -> None:
    """Write the file anew as earlier versions did: without a list of its free pages."""
    connection = sqlite3.connect(file, isolation_level=None)
    for statement in ("PRAGMA journal_mode = DELETE", "PRAGMA auto_vacuum = NONE", "VACUUM"):
        connection.execute(statement)
    assert connection.execute("PRAGMA auto_vacuum").fetchone() == (0,)
    connection.close()
