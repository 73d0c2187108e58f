"""Bring a database to the present tables; costs one small query when it is there already."""

import fcntl
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from mprelease.storage.database import Database, Reader

HEAD = "0001"
_STEPS = Path(__file__).with_name("migrations")


def migrate(database: Database, lock: Path) -> None:
    """Run the steps that are missing; of several processes that start at once, one does it."""
    if _revision(database) == HEAD:
        return
    with lock.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        if _revision(database) != HEAD:
            _upgrade(database)


def _revision(database: Database) -> str | None:
    try:
        with database.reading() as db:
            return _read_revision(db)
    except DatabaseError:
        return None


def _read_revision(db: Reader) -> str | None:
    revision: str | None = db.connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _upgrade(database: Database) -> None:
    # Alembic takes most of a second to load and is needed once in the life of a database.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_STEPS))
    with database.writing() as db:
        config.attributes["connection"] = db.connection
        command.upgrade(config, "head")
