"""Metrics read releases that are open or have just ended, however many ended long ago."""

import pytest
from sqlalchemy import event, insert, select, text

from databases import MARIADB, SQLITE
from mprelease.domain.releases import State
from mprelease.storage import release_metrics, workers
from mprelease.storage.database import Database, Reader
from mprelease.storage.tables import releases
from sample_rows import add_app, add_release

OLD = 3000


def read_all(db: Reader) -> tuple[int, int]:
    """Do what one update of the metrics does; return the numbers of open and ended releases."""
    newest = release_metrics.newest_id(db)
    unfinished = release_metrics.open_releases(db)
    ended = list(release_metrics.ended_releases(db, {1, 2, 3}, newest - 10, newest))
    workers.every(db)
    return len(unfinished), len(ended)


def rows_read(db: Reader) -> int:
    status = db.connection.execute(text("SHOW SESSION STATUS LIKE 'Handler_read%'"))
    return sum(int(row.Value) for row in status)


@pytest.fixture
def full(database: Database) -> Database:
    """A database with many ended releases of one app, and two queued ones."""
    with database.writing() as db:
        app = add_app(db)
        first = add_release(db, app)
        row = db.connection.execute(select(releases).where(releases.c.id == first)).one()
        old = {**row._mapping, "state": State.SUCCEEDED, "started_at": 1, "ended_at": 2}
        rows = [{**old, "id": first + number} for number in range(1, OLD)]
        db.connection.execute(insert(releases), rows)
        add_release(db, app)
    return database


@pytest.mark.parametrize("kind", [SQLITE], indirect=True)
def test_each_query_uses_an_index_on_sqlite(full: Database) -> None:
    statements: list[tuple[str, object]] = []

    def note(_: object, __: object, statement: str, parameters: object, *___: object) -> None:
        statements.append((statement, parameters))

    event.listen(full._read, "before_cursor_execute", note)
    with full.reading() as db:
        assert read_all(db)[0] == 2
        queries = [each for each in statements if each[0].startswith("SELECT")]
        assert len(queries) > 5
        for statement, parameters in queries:
            plan = db.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            scans = [step.detail for step in plan if step.detail.startswith("SCAN")]
            assert [scan for scan in scans if "workers" not in scan] == []


@pytest.mark.servers
@pytest.mark.parametrize("kind", [MARIADB], indirect=True)
def test_few_rows_are_read_on_mariadb(full: Database) -> None:
    with full.reading() as db:
        before = rows_read(db)
        assert read_all(db)[0] == 2
        assert rows_read(db) - before < OLD / 10
