"""The database's clock, used by all nodes so that leases do not depend on machines' clocks."""

from typing import Any

from sqlalchemy import BigInteger, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from mprelease.storage.database import Reader


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
