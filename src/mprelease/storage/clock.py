"""The database's clock, used by all nodes so that leases do not depend on machines' clocks."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import BigInteger, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from mprelease.storage.database import Database, Reader
from mprelease.storage.outage import OUTAGE

_log = logging.getLogger(__name__)
_REFRESH_SECONDS = 30.0


class now_ms(FunctionElement[int]):  # noqa: N801 named like an SQL function
    """An SQL function: the database's time in ms since the epoch when the statement runs."""

    type = BigInteger()
    inherit_cache = True
    name = "now_ms"


def read(db: Reader) -> int:
    """Return the database's time in ms since the epoch."""
    now = db.connection.scalar(select(now_ms()))
    assert now is not None
    return int(now)


class DatabaseClock:
    """The database's time in ms since the epoch, without a query for each reading; thread-safe.

    It is read once, then counted on by the machine's monotonic clock, and read again every 30 s in
    a thread, so that no caller waits for it. SQLite's clock is that of the machine.
    """

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Take the database, which is not read before the first call, and a clock in seconds."""
        self._database = database
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._offset_ms: float | None = None
        self._refresh_at = 0.0

    def __call__(self) -> int:
        """Return the database's time; only the first call may raise an error of the database."""
        if self._database.is_sqlite:
            return time.time_ns() // 1_000_000
        offset = self._offset_ms
        if offset is None:
            offset = self._read()
        elif self._is_due():
            name = "clock of the database"
            threading.Thread(target=self._refresh, name=name, daemon=True).start()
        return int(self._monotonic() * 1000 + offset)

    def _is_due(self) -> bool:
        with self._lock:
            is_due = self._monotonic() > self._refresh_at
            if is_due:
                self._refresh_at = self._monotonic() + _REFRESH_SECONDS
        return is_due

    def _refresh(self) -> None:
        try:
            self._read()
        except OUTAGE as outage:
            _log.debug("the database's clock is not read again: %s", outage)

    def _read(self) -> float:
        with self._database.reading() as db:
            before = self._monotonic()
            now = read(db)
            middle = (before + self._monotonic()) / 2
        self._offset_ms = now - middle * 1000
        self._refresh_at = self._monotonic() + _REFRESH_SECONDS
        return self._offset_ms


@compiles(now_ms, "sqlite")
def _sqlite(_: now_ms, __: SQLCompiler, **___: Any) -> str:
    return "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


@compiles(now_ms, "mysql", "mariadb")
def _mysql(_: now_ms, __: SQLCompiler, **___: Any) -> str:
    # NOW() is constant within a statement, SYSDATE() is not.
    return "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"


@compiles(now_ms, "postgresql")
def _postgresql(_: now_ms, __: SQLCompiler, **___: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
