"""Read and write transactions; pages use readers only, services and the engine use writers."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
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
    """One write transaction; committed at the end of its block, rolled back on an exception."""


class Database:
    """Open transactions on one database; may be shared by threads."""

    def __init__(
        self, url: str | URL, timeouts: Timeouts = NORMAL, write_lock: "_WriteLock | None" = None
    ) -> None:
        """Take a URL like SQLAlchemy's, without connecting; raise Refused if it is malformed.

        Databases of the same SQLite file in one process share a `write_lock`.
        """
        self._url = engines.parsed(url)
        self._timeouts = timeouts
        self._write_lock = write_lock or _WriteLock()
        self.backend = self._url.get_backend_name()
        self.is_sqlite = self.backend == "sqlite"
        if self.is_sqlite:
            self._read = engines.sqlite(self._url, timeouts, "BEGIN")
            self._write = engines.sqlite(self._url, timeouts, "BEGIN IMMEDIATE")
            at_once = replace(timeouts, file=0)
            self._write_at_once = engines.sqlite(self._url, at_once, "BEGIN IMMEDIATE")
        else:
            self._write = self._write_at_once = engines.server(self._url, timeouts)
            self._read = _reading(self._write)

    def with_timeouts(self, timeouts: Timeouts) -> "Database":
        """Return the same database with other timeouts; it must be closed separately."""
        return Database(self._url, timeouts, self._write_lock)

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Open a read transaction."""
        with self._read.connect() as connection:
            yield Reader(connection)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Open a write transaction; on SQLite one at a time, others wait for it."""
        seconds = self._timeouts.file_lock
        lock = self._write_lock.held(seconds) if self.is_sqlite else nullcontext()
        with lock, self._write.begin() as connection:
            yield Writer(connection)

    @contextmanager
    def writing_at_once(self) -> Iterator[Writer]:
        """Open a write transaction; on SQLite raise OperationalError if another one is open.

        On servers, where rows are locked, its statements must skip locked rows.
        """
        lock = self._write_lock.held(0) if self.is_sqlite else nullcontext()
        with lock, self._write_at_once.begin() as connection:
            yield Writer(connection)

    @contextmanager
    def migrating(self) -> Iterator[Writer]:
        """Open a write transaction without timeouts, on servers on a connection of its own.

        Session locks end with the block.
        """
        engine = self._write if self.is_sqlite else engines.unpooled(self._url, engines.NO_TIMEOUT)
        with engine.begin() as connection:
            yield Writer(connection)

    def rewrite(self) -> None:
        """Rewrite the SQLite file without free pages; later it can be shortened in steps."""
        with self._write_lock.held(self._timeouts.file_lock):
            self._script("PRAGMA auto_vacuum = INCREMENTAL; VACUUM")

    def shorten(self, pages: int) -> None:
        """Return so many free pages of the SQLite file to the disk, in one transaction."""
        with self._write_lock.held(self._timeouts.file_lock):
            self._script(f"PRAGMA incremental_vacuum({pages})")

    def checkpoint(self) -> None:
        """Move the content of SQLite's write-ahead log into the file, as far as readers allow."""
        self._script("PRAGMA wal_checkpoint(TRUNCATE)")

    def _script(self, statements: str) -> None:
        """Run SQLite's statements outside of a transaction, and each to its end.

        A cursor's `execute` would free one page only, because that statement returns no rows.
        """
        with closing(self._write.raw_connection()) as connection:
            try:
                connection.driver_connection.executescript(statements)  # type: ignore[union-attr]
            except sqlite3.OperationalError as error:
                raise OperationalError(statements, None, error) from error

    @contextmanager
    def snapshot(self) -> Iterator[Reader]:
        """Open a read transaction on one snapshot of all tables, without timeouts."""
        if self.is_sqlite:
            with self.reading() as db:
                yield db
            return
        engine = engines.unpooled(self._url, engines.NO_TIMEOUT)
        options = {"isolation_level": "REPEATABLE READ"}
        with engine.connect().execution_options(**options) as connection:
            yield Reader(connection)

    def close(self) -> None:
        """Close all connections of the pool that are not in use."""
        self._read.dispose()
        self._write.dispose()
        self._write_at_once.dispose()


class _WriteLock:
    """A lock of threads that write to one file: SQLite itself polls, up to 100 ms apart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def held(self, seconds: float) -> Iterator[None]:
        """Hold the lock; after `seconds` raise the same OperationalError as SQLite."""
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
    """Raise Refused, with a message for users, instead of a DatabaseError."""
    try:
        yield
    except DatabaseError as error:
        problem_detail = problem_detail_of_outage(error)
        raise Refused(problem_detail.problem, **problem_detail.parameters) from error


@contextmanager
def refusing_taken(refusal: Refused) -> Iterator[None]:
    """Raise the refusal instead of the IntegrityError of a name that is already taken."""
    try:
        yield
    except IntegrityError:
        raise refusal from None


def new_id(result: CursorResult[Any]) -> int:
    """Return the id of an inserted row."""
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def sqlite_url(file: Path) -> str:
    """Return the URL of an SQLite file."""
    return f"sqlite:///{file}"


def _reading(engine: Engine) -> Engine:
    # With READ COMMITTED each statement sees what is committed, also without a transaction. That
    # saves two round trips with PostgreSQL's driver; with MySQL's, autocommit costs more.
    is_postgresql = engine.dialect.name == "postgresql"
    return engine.execution_options(isolation_level="AUTOCOMMIT") if is_postgresql else engine
