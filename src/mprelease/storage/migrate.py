"""Bring a database to the present tables; costs one small query when it is there already.

Nodes of several versions may share a database while they are replaced one by one. A step therefore
only adds what older nodes need not know (a table, an index, a column with a default); what they use
is taken away by a step of a later version. So a node goes on when it meets a newer database. The
one exception is step 0010, which renamed what all nodes before it use: it is refused while a worker
of such a node is alive. From it on nodes may be replaced one by one.
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

HEAD = "0010"
# Nodes of older revisions than this one cannot work with the tables as they are since.
_RENAMED = "0010"
_STEPS = Path(__file__).with_name("migrations")
_REVISION = text("SELECT version_num FROM alembic_version")
# So long may another node take for its steps.
_WAIT_SECONDS = 600
_LOOK_SECONDS = 1.0
_ALIVE = "SELECT name, seen_at FROM workers WHERE seen_at > :since"
_TRIES = 20
# Held by the session or transaction that migrates, and so ended with it, whatever it dies of.
_LOCKS = {
    # The name counts for the whole server, so it says for which of its databases.
    "mysql": f"SELECT GET_LOCK(CONCAT('mprelease.', SHA1(DATABASE())), {_WAIT_SECONDS})",
    "postgresql": "SELECT 1 FROM pg_advisory_xact_lock(hashtext('mprelease.migration'))",
}


def migrate(database: Database, lock: Path) -> None:
    """Run the steps that are missing; of several nodes that start at once, one does it.

    Nodes that share an SQLite file share the lock file, too. Raise Refused(OLDER_NODES_ALIVE) where
    workers of an older version would meet tables that they do not know.
    """
    for left in reversed(range(_TRIES)):
        try:
            if _is_behind(_revision(database)):
                _await_older_nodes(database)
                _migrate(database, lock)
        except OperationalError as error:
            # Other nodes work on meanwhile; on PostgreSQL a deadlock with them may end the steps.
            if not left or not is_contention(error):
                raise
        else:
            return


def _migrate(database: Database, lock: Path) -> None:
    with _alone(database, lock) as db:
        if _is_behind(_read_revision(db)):
            _upgrade(db)


def _await_older_nodes(database: Database) -> None:
    """Return when no worker of an older node is alive; raise Refused when one goes on living.

    One that was killed, as by the restart that brings this version, looks alive for some seconds.
    """
    first: dict[str, int] = {}
    # By our own clock: what was written by one that has been set back since looks new for long.
    over = time.monotonic() + 2 * ALIVE_MS / 1000
    while (alive := _older_workers(database)) and time.monotonic() < over:
        first = {**alive, **first}
        if working := [name for name, seen_at in sorted(alive.items()) if seen_at > first[name]]:
            raise Refused(Problem.OLDER_NODES_ALIVE, workers=", ".join(working))
        time.sleep(_LOOK_SECONDS)


def _older_workers(database: Database) -> dict[str, int]:
    """Return by name when the living workers that do not know the renamed tables were last seen."""
    with database.reading() as db:
        revision = _read_revision(db)
        # The first step had no workers.
        if revision is None or not "0001" < revision < _RENAMED:
            return {}
        since = {"since": clock.read(db) - ALIVE_MS}
        return {row.name: row.seen_at for row in db.connection.execute(text(_ALIVE), since)}


def _is_behind(revision: str | None) -> bool:
    # Revisions are numbers of four digits; one beyond HEAD was made by a newer version.
    return revision is None or revision < HEAD


def _revision(database: Database) -> str | None:
    try:
        with database.reading() as db:
            return _told(db)
    except DatabaseError:
        return None


def _read_revision(db: Reader) -> str | None:
    """Read it in a transaction that goes on, which on PostgreSQL a failed query would end."""
    return _told(db) if inspect(db.connection).has_table("alembic_version") else None


def _told(db: Reader) -> str | None:
    revision: str | None = db.connection.scalar(_REVISION)
    return revision


@contextmanager
def _alone(database: Database, lock: Path) -> Iterator[Writer]:
    """Open the transaction in which one node at a time migrates."""
    if database.is_sqlite:
        with lock.open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            with database.altering() as db:
                yield db
        return
    with database.altering() as db:
        if db.connection.scalar(text(_LOCKS[database.backend])) != 1:
            raise Refused(Problem.DATABASE_UNUSABLE, detail="another node has been migrating it")
        yield db


def _upgrade(db: Writer) -> None:
    # Alembic takes most of a second to load and is needed once in the life of a database.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_STEPS))
    config.attributes["connection"] = db.connection
    command.upgrade(config, HEAD)
