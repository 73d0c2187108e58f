"""Migrate a database to the present revision; one small query if it is up to date.

Nodes of several versions may share a database during a rolling update. A step therefore only adds
what older nodes can ignore (a table, an index, a column with a default); what they use is dropped
by a step of a later version. So a node also runs on a database of a newer revision. The exception
is step 0010, which renamed what all older nodes use: it is refused while a worker of such a node is
alive. Rolling updates are supported from it on.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.exc import DatabaseError, OperationalError

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.workers import ALIVE_MS
from mprelease.storage import clock
from mprelease.storage.contention import is_contention
from mprelease.storage.database import Database, Reader, Writer

# Nodes of older revisions than this one cannot use the tables of this and later revisions.
_RENAMED = "0010"
_STEPS = Path(__file__).with_name("migrations")
# The newest revision is that of the last step, so a new step changes no other file.
HEAD = max(step.stem.removeprefix("step_") for step in _STEPS.glob("versions/step_*.py"))
_REVISION = text("SELECT version_num FROM alembic_version")
# How long to wait for a migration by another node.
_WAIT_SECONDS = 600
_POLL_SECONDS = 1.0
_ALIVE = "SELECT name, seen_at FROM workers WHERE seen_at > :since"
_TRIES = 20
# Held by the session or transaction of the migration, so freed with it even after kill -9.
_LOCKS = {
    # The name is global for the whole server, so it includes the database.
    "mysql": f"SELECT GET_LOCK(CONCAT('mprelease.', SHA1(DATABASE())), {_WAIT_SECONDS})",
    "postgresql": "SELECT 1 FROM pg_advisory_xact_lock(hashtext('mprelease.migration'))",
}


def migrate(database: Database, lock: Path) -> None:
    """Run the missing steps; of several nodes that start at the same time, one does it.

    Nodes that share an SQLite file share the file `lock`, too. Raise Refused(OLDER_NODES_ALIVE) if
    workers of a version that cannot use the new tables are alive, and Refused(DATABASE_UNUSABLE)
    after 600 s of waiting for another node.
    """
    for left in reversed(range(_TRIES)):
        try:
            if _is_behind(_revision(database)):
                _await_older_nodes(database)
                _migrate(database, lock)
        except OperationalError as error:
            # Other nodes keep working; on PostgreSQL a deadlock with them may abort the steps.
            if not left or not is_contention(error):
                raise
        else:
            return


def _migrate(database: Database, lock: Path) -> None:
    with _locked(database, lock) as db:
        if _is_behind(_read_revision(db)):
            _upgrade(db)


def _await_older_nodes(database: Database) -> None:
    """Wait until no worker of an older node is alive; raise Refused if one still sends heartbeats.

    A worker that was just killed, as by the restart for this update, looks alive for some seconds.
    """
    first: dict[str, int] = {}
    # Bounded: if the database's clock was set back, an old heartbeat looks recent for long.
    deadline = time.monotonic() + 2 * ALIVE_MS / 1000
    while (alive := _older_workers(database)) and time.monotonic() < deadline:
        first = {**alive, **first}
        if working := [name for name, seen_at in sorted(alive.items()) if seen_at > first[name]]:
            raise Refused(Problem.OLDER_NODES_ALIVE, workers=", ".join(working))
        time.sleep(_POLL_SECONDS)


def _older_workers(database: Database) -> dict[str, int]:
    """Return by name the last heartbeat (ms) of alive workers that use the tables before 0010."""
    with database.reading() as db:
        revision = _read_revision(db)
        # Revision 0001 had no table of workers.
        if revision is None or not "0001" < revision < _RENAMED:
            return {}
        since = {"since": clock.read(db) - ALIVE_MS}
        return {row.name: row.seen_at for row in db.connection.execute(text(_ALIVE), since)}


def _is_behind(revision: str | None) -> bool:
    # Revisions are four digits; one above HEAD is of a newer version.
    return revision is None or revision < HEAD


def _revision(database: Database) -> str | None:
    try:
        with database.reading() as db:
            return _query_revision(db)
    except DatabaseError:
        return None


def _read_revision(db: Reader) -> str | None:
    """Read the revision without a failing query, which would abort PostgreSQL's transaction."""
    return _query_revision(db) if inspect(db.connection).has_table("alembic_version") else None


def _query_revision(db: Reader) -> str | None:
    revision: str | None = db.connection.scalar(_REVISION)
    return revision


@contextmanager
def _locked(database: Database, lock: Path) -> Iterator[Writer]:
    """Open the transaction of the migration, which one node at a time can have."""
    if database.is_sqlite:
        with lock.open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            with database.migrating() as db:
                yield db
        return
    with database.migrating() as db:
        if db.connection.scalar(text(_LOCKS[database.backend])) != 1:
            raise Refused(Problem.DATABASE_MIGRATING, seconds=_WAIT_SECONDS)
        yield db


def _upgrade(db: Writer) -> None:
    # Importing Alembic takes most of a second; it is needed only when steps are missing.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_STEPS))
    config.attributes["connection"] = db.connection
    command.upgrade(config, HEAD)
