"""Open the database: a reader for whoever only looks, a writer for services and the engine."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, CursorResult, Engine
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

from mprelease.domain.errors import Refused
from mprelease.storage import engines
from mprelease.storage.engines import NORMAL, Timeouts
from mprelease.storage.outage import problem_detail_of_outage


@dataclass(frozen=True)
class Reader:
    """One read transaction."""

    connection: Connection


@dataclass(frozen=True)
class Writer(Reader):
    """One write transaction; it is committed at the end of its block, or undone by an error."""


class Database:
    """Hand out transactions on one database."""

    def __init__(
        self, url: str | URL, timeouts: Timeouts = NORMAL, turn: "_Turn | None" = None
    ) -> None:
        """Take a URL like SQLAlchemy's; nothing is opened yet. Raise Refused when it is none.

        Those who write to the same SQLite file in a process share a `turn`.
        """
        self._url = engines.parsed(url)
        self._patience = timeouts
        self._turn = turn or _Turn()
        self.backend = self._url.get_backend_name()
        self.is_sqlite = self.backend == "sqlite"
        if self.is_sqlite:
            self._read = engines.sqlite(self._url, timeouts, "BEGIN")
            self._write = engines.sqlite(self._url, timeouts, "BEGIN IMMEDIATE")
        else:
            self._write = engines.server(self._url, timeouts)
            self._read = _reading(self._write)

    def with_timeouts(self, timeouts: Timeouts) -> "Database":
        """Return the same database with other limits of waiting, to be closed by itself."""
        return Database(self._url, timeouts, self._turn)

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Open a read transaction."""
        with self._read.connect() as connection:
            yield Reader(connection)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Open a write transaction; on SQLite there is one at a time, others wait for it."""
        turn = self._turn.taken(self._patience.file_lock) if self.is_sqlite else nullcontext()
        with turn, self._write.begin() as connection:
            yield Writer(connection)

    @contextmanager
    def altering(self) -> Iterator[Writer]:
        """Open a write transaction that may take hours, on a connection of its own on servers.

        What was locked for the session is free when the block ends.
        """
        patient = self._write if self.is_sqlite else engines.unpooled(self._url, engines.NO_TIMEOUT)
        with patient.begin() as connection:
            yield Writer(connection)

    @contextmanager
    def snapshot(self) -> Iterator[Reader]:
        """Open a read transaction that sees one state of all tables, however long it takes."""
        if self.is_sqlite:
            with self.reading() as db:
                yield db
            return
        engine = engines.unpooled(self._url, engines.NO_TIMEOUT)
        options = {"isolation_level": "REPEATABLE READ"}
        with engine.connect().execution_options(**options) as connection:
            yield Reader(connection)

    def close(self) -> None:
        """Close every connection."""
        self._read.dispose()
        self._write.dispose()


class _Turn:
    """Whose turn it is to write to a file: SQLite waits in naps of up to 100 ms, threads do not."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, seconds: float) -> Iterator[None]:
        """Wait for one's turn; raise what SQLite raises where that takes too long."""
        if not self._lock.acquire(timeout=seconds):
            busy = sqlite3.OperationalError("database is locked")
            busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise OperationalError("BEGIN IMMEDIATE", None, busy)
        try:
            yield
        finally:
            self._lock.release()


@contextmanager
def readable_errors() -> Iterator[None]:
    """Turn a database that cannot be opened or written into a refusal in words."""
    try:
        yield
    except DatabaseError as error:
        problem_detail = problem_detail_of_outage(error)
        raise Refused(problem_detail.problem, **problem_detail.parameters) from error


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
