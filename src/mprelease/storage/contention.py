"""Detect lock conflicts by their error codes, because messages of servers are translated."""

import sqlite3

from sqlalchemy.exc import DBAPIError

_SQLITE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
# Lock wait timeout; deadlock.
_MYSQL = {1205, 1213}
# Serialization failure; deadlock; lock timeout.
_POSTGRESQL = {"40001", "40P01", "55P03"}


def is_contention(error: DBAPIError) -> bool:
    """Return whether a transaction failed only because of other transactions, so may be retried."""
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        # Errors raised by the driver itself have no code.
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE
    number = cause.args[0] if cause and cause.args else None
    return number in _MYSQL or getattr(cause, "sqlstate", None) in _POSTGRESQL
