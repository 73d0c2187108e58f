"""Open the database: a reader for whoever only looks, a writer for services and the engine."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, CursorResult, Engine
from sqlalchemy.exc import DatabaseError, IntegrityError

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.storage import engines
from mprelease.storage.engines import NORMAL, Patience


@dataclass(frozen=True)
class Reader:
    """One read transaction."""

    connection: Connection


@dataclass(frozen=True)
class Writer(Reader):
    """One write transaction; it is committed at the end of its block, or undone by an error."""


class Database:
    """Hand out transactions on one database."""

    def __init__(self, url: str, patience: Patience = NORMAL) -> None:
        """Take a URL like SQLAlchemy's; nothing is opened yet. Raise Refused when it is none."""
        self._url = engines.parsed(url)
        self.backend = self._url.get_backend_name()
        self.is_sqlite = self.backend == "sqlite"
        if self.is_sqlite:
            self._read = engines.sqlite(self._url, patience, "BEGIN")
            self._write = engines.sqlite(self._url, patience, "BEGIN IMMEDIATE")
            # SQLite waits for its lock in naps of up to 100 ms; threads have a better one.
            self._turn: AbstractContextManager[object] = threading.Lock()
        else:
            self._write = engines.server(self._url, patience)
            self._read = _reading(self._write)
            self._turn = nullcontext()

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Open a read transaction."""
        with self._read.connect() as connection:
            yield Reader(connection)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Open a write transaction; on SQLite there is one at a time, others wait for it."""
        with self._turn, self._write.begin() as connection:
            yield Writer(connection)

    @contextmanager
    def altering(self) -> Iterator[Writer]:
        """Open a write transaction that may take hours, on a connection of its own on servers.

        What was locked for the session is free when the block ends.
        """
        patient = self._write if self.is_sqlite else engines.unpooled(self._url, engines.ENDLESS)
        with patient.begin() as connection:
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


@contextmanager
def refusing_taken(refusal: Refused) -> Iterator[None]:
    """Raise the refusal where somebody else was faster with a name that must be the only one."""
    try:
        yield
    except IntegrityError:
        raise refusal from None


def new_id(result: CursorResult[Any]) -> int:
    """Return the number that a new row was given."""
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def sqlite_url(file: Path) -> str:
    """Return the URL of an SQLite file."""
    return f"sqlite:///{file}"


def _reading(engine: Engine) -> Engine:
    # READ COMMITTED shows each statement what is new, in a transaction or not. PostgreSQL's driver
    # saves two round trips without one; to MySQL's, leaving one costs more than it saves.
    is_postgresql = engine.dialect.name == "postgresql"
    return engine.execution_options(isolation_level="AUTOCOMMIT") if is_postgresql else engine
