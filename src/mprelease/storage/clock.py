"""The database's clock, so that leases mean the same to every machine."""

from typing import Any

from sqlalchemy import BigInteger, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from mprelease.storage.database import Reader


class now_ms(FunctionElement[int]):  # noqa: N801 reads as the SQL function that it is
    """Read the database's clock: milliseconds since the epoch, at the moment of the statement."""

    type = BigInteger()
    inherit_cache = True
    name = "now_ms"


def read(db: Reader) -> int:
    """Return what the database's clock says: every time in a release's row is by this clock."""
    told = db.connection.scalar(select(now_ms()))
    assert told is not None
    return int(told)


@compiles(now_ms, "sqlite")
def _sqlite(_: now_ms, __: SQLCompiler, **___: Any) -> str:
    return "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


@compiles(now_ms, "mysql", "mariadb")
def _mysql(_: now_ms, __: SQLCompiler, **___: Any) -> str:
    # NOW() stands still within a statement and, replicated, elsewhere; SYSDATE is the clock.
    return "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"


@compiles(now_ms, "postgresql")
def _postgresql(_: now_ms, __: SQLCompiler, **___: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
