"""Databases of this process without repeated costs of each test: compiling, and the disk.

A test opens a database of its own, so SQLAlchemy would compile each statement again in every test,
and SQLite would wait for the disk at each commit. Commands and nodes that a test starts as
processes work as they do for users.
"""

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from mprelease.storage import engines
from mprelease.storage.engines import Timeouts

if TYPE_CHECKING:
    import pytest


class _Compiled(dict[Hashable, Any]):
    """Compiled statements of all engines: a dialect counts by what it compiles for."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_of_all(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(_of_all(key), compiled)


def _of_all(key: tuple[Any, ...]) -> Hashable:
    dialect, *statement = key
    return (dialect.name, dialect.driver, dialect.server_version_info, *statement)


def sharing() -> Callable[..., Engine]:
    """Return a `create_engine` whose engines share their compiled statements."""
    compiled = _Compiled()

    def create(*arguments: Any, **named: Any) -> Engine:
        engine = create_engine(*arguments, **named)
        engine.update_execution_options(compiled_cache=compiled)
        return engine

    return create


def patch(monkeypatch: "pytest.MonkeyPatch") -> None:
    """Let the engines of this process share compiled statements, and SQLite not sync its files."""
    sqlite = engines.sqlite

    def unsynced(url: URL, timeouts: Timeouts, begin: str) -> Engine:
        engine = sqlite(url, timeouts, begin)
        event.listen(engine, "connect", _without_sync)
        return engine

    monkeypatch.setattr(engines, "create_engine", sharing())
    monkeypatch.setattr(engines, "sqlite", unsynced)


def _without_sync(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = OFF")
    cursor.close()
