"""The real databases on which tests run; each server is started on first use."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import servers
from mprelease.storage.database import Database, sqlite_url
from mprelease.storage.migrate import migrate
from mprelease.storage.tables import metadata
from needs import lack
from servers import Address, Server

SQLITE, MARIADB, POSTGRESQL, REDIS = "sqlite", "mariadb", "postgresql", "redis"
KINDS = (
    SQLITE,
    pytest.param(MARIADB, marks=pytest.mark.servers),
    pytest.param(POSTGRESQL, marks=pytest.mark.servers),
)
on_sqlite = pytest.mark.parametrize("kind", [SQLITE], indirect=True)
"""For a test in a folder that runs on every kind, whose promise does not lie in the database."""

_STARTS = {
    MARIADB: servers.mariadb,
    POSTGRESQL: servers.postgresql,
    REDIS: servers.redis_server,
}


class Servers:
    """One server of each kind for all tests of a process, with a migrated database."""

    def __init__(self) -> None:
        self._until_the_end = ExitStack()
        self._addresses: dict[str, Address] = {}
        self._migrated: dict[str, tuple[str, Database]] = {}
        self._file: bytes | None = None

    def address(self, kind: str) -> Address:
        """Return the server of MPRELEASE_TEST_<KIND>_URL; without it, start one."""
        if kind not in self._addresses:
            given = os.environ.get(f"MPRELEASE_TEST_{kind.upper()}_URL")
            self._addresses[kind] = Address(given) if given else self._own(kind)
        return self._addresses[kind]

    def migrated(self, kind: str, folder: Path) -> str:
        """Return the URL of a database that holds the present tables, without rows."""
        if kind == SQLITE:
            return self._copied(folder)
        if kind not in self._migrated:
            url = self._until_the_end.enter_context(blank(self.address(kind)))
            database = self._until_the_end.enter_context(opened(url))
            migrate(database, folder / "migration.lock")
            self._migrated[kind] = url, database
        url, database = self._migrated[kind]
        _empty(database)
        return url

    def _copied(self, folder: Path) -> str:
        file = folder / "test.db"
        file.write_bytes(self._migrated_file())
        return sqlite_url(file)

    def _migrated_file(self) -> bytes:
        if self._file is None:
            with TemporaryDirectory() as folder:
                first = Path(folder) / "first.db"
                with opened(sqlite_url(first)) as database:
                    migrate(database, first.with_name("migration.lock"))
                self._file = first.read_bytes()
        return self._file

    def prepare(self, data: Path) -> None:
        """Lay a database with the present tables into a data folder, as its first command would."""
        data.mkdir(mode=0o700)
        file = data / "mprelease.db"
        file.touch(mode=0o600)
        file.write_bytes(self._migrated_file())

    def close(self) -> None:
        self._until_the_end.close()

    def _own(self, kind: str) -> Server:
        if servers.lacking(kind):
            lack(f"{kind}: {servers.REMEDIES[kind]}")
        start: AbstractContextManager[Server] = _STARTS[kind]()
        return self._until_the_end.enter_context(start)


@contextmanager
def blank(address: Address) -> Iterator[str]:
    """Make a database without tables and drop it at the end."""
    url = address.new_database()
    try:
        yield url
    finally:
        address.drop_database(url)


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        database.close()


def _empty(database: Database) -> None:
    # Ten times faster than TRUNCATE; only the numbers of new rows go on.
    with database.writing() as db:
        for table in reversed(metadata.sorted_tables):
            db.connection.execute(table.delete())
