"""Open the database: a reader for whoever only looks, a writer for services and the engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, CursorResult, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DatabaseError
from sqlalchemy.pool import ConnectionPoolEntry

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem

_BUSY_SECONDS = 10


@dataclass(frozen=True)
class Reader:
    """One read transaction."""

    connection: Connection


@dataclass(frozen=True)
class Writer(Reader):
    """One write transaction; it is committed at the end of its block, or undone by an error."""


class Database:
    """Hand out transactions on one database."""

    def __init__(self, url: str) -> None:
        """Take an SQLAlchemy URL; nothing is opened yet. Raise Refused when it is none."""
        try:
            self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
            self._read = _sqlite(url, "BEGIN") if self.is_sqlite else create_engine(url)
            self._write = _sqlite(url, "BEGIN IMMEDIATE") if self.is_sqlite else self._read
        except (ArgumentError, ModuleNotFoundError) as error:
            raise Refused(Problem.DATABASE_UNUSABLE, detail=str(error)) from None

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Open a read transaction."""
        with self._read.connect() as connection:
            yield Reader(connection)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Open a write transaction; on SQLite there is one at a time, others wait for it."""
        with self._write.begin() as connection:
            yield Writer(connection)

    def close(self) -> None:
        """Close every connection."""
        self._read.dispose()
        self._write.dispose()


@contextmanager
def readable_errors() -> Iterator[None]:
    """Turn a database that cannot be opened or written into a refusal in words."""
    try:
        yield
    except DatabaseError as error:
        raise Refused(Problem.DATABASE_UNUSABLE, detail=str(error.orig)) from error


def new_id(result: CursorResult[Any]) -> int:
    """Return the number that a new row was given."""
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def sqlite_url(file: Path) -> str:
    """Return the URL of an SQLite file."""
    return f"sqlite:///{file}"


def _sqlite(url: str, begin: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        # The driver must not begin by itself: it would begin late and without IMMEDIATE.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
