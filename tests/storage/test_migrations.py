"""Migrations lead to the tables that the code knows."""

import threading
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from mprelease.storage import migrations
from mprelease.storage.database import Database, sqlite_url
from mprelease.storage.migrate import HEAD, migrate
from mprelease.storage.tables import metadata


def test_the_steps_lead_to_the_tables_of_the_code(database: Database) -> None:
    with database.reading() as db:
        assert compare_metadata(MigrationContext.configure(db.connection), metadata) == []


def test_the_head_that_the_code_expects_is_the_last_step() -> None:
    folder = str(Path(migrations.__file__).parent)
    assert ScriptDirectory(folder).get_heads() == [HEAD]


def test_processes_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    databases = [Database(sqlite_url(tmp_path / "new.db")) for _ in range(4)]
    failures: list[Exception] = []

    def begin(database: Database) -> None:
        try:
            migrate(database, tmp_path / "lock")
        except Exception as failure:  # noqa: BLE001 told by the main thread
            failures.append(failure)

    threads = [threading.Thread(target=begin, args=(each,)) for each in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.close()
    assert failures == []
