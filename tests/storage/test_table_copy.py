"""Rows go from any kind of database into any other, from one state, without a loss."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from databases import KINDS, MARIADB, POSTGRESQL, SQLITE, Servers, blank, opened
from mprelease.domain.users import Role
from mprelease.domain.workers import SandboxMode
from mprelease.storage import releases, table_copy, users, workers
from mprelease.storage.database import Database
from mprelease.storage.migrate import migrate
from sample_rows import NOW, add_app, add_release

WAYS = [
    (SQLITE, SQLITE),
    pytest.param((SQLITE, MARIADB), marks=pytest.mark.servers),
    pytest.param((MARIADB, POSTGRESQL), marks=pytest.mark.servers),
    pytest.param((POSTGRESQL, SQLITE), marks=pytest.mark.servers),
]


def fill(database: Database) -> int:
    with database.writing() as db:
        first = add_release(db, add_app(db, "商店"))
        releases.put_qr_code(db, first, bytes(range(256)), "image/png", NOW)
        user = users.add(db, "林", Role.MEMBER, "hash", NOW)
        users.set_avatar(db, user, b"\x00\xff", NOW)
        workers.register(db, "w", ["x"], 1, "1", sandbox=SandboxMode.OFF)
    return first


def everything(database: Database) -> dict[str, list[table_copy.Row]]:
    with database.snapshot() as db:
        return {name: list(table_copy.rows(db, name)) for name in table_copy.names()}


@pytest.fixture(params=WAYS)
def pair(
    request: pytest.FixtureRequest, servers: Servers, tmp_path: Path
) -> "tuple[Database, Database]":
    source, target = request.param
    with ExitStack() as stack:
        made = []
        for number, kind in enumerate((source, target)):
            folder = tmp_path / str(number)
            folder.mkdir()
            if kind == SQLITE:
                url = servers.migrated(kind, folder)
            else:
                url = stack.enter_context(blank(servers.address(kind)))
            database = stack.enter_context(opened(url))
            migrate(database, folder / "migration.lock")
            made.append(database)
        yield made[0], made[1]


def test_all_rows_arrive_in_another_database(pair: tuple[Database, Database]) -> None:
    source, target = pair
    first = fill(source)
    rows = everything(source)
    with target.writing() as db:
        assert table_copy.is_empty(db)
        for name in table_copy.names():
            assert table_copy.insert_rows(db, name, rows[name]) == len(rows[name])
        table_copy.continue_numbering(db)
        assert not table_copy.is_empty(db)
    assert everything(target) == rows
    with target.writing() as db:
        assert releases.qr_code(db, first) == (bytes(range(256)), "image/png")
        assert add_release(db, add_app(db, "another")) > first
        assert workers.every(db) == [], "workers of another place are not here"


@pytest.mark.parametrize("way", KINDS)
def test_a_snapshot_sees_one_state_of_all_tables(
    way: str, servers: Servers, tmp_path: Path
) -> None:
    with opened(servers.migrated(way, tmp_path)) as database:
        fill(database)
        before = everything(database)
        with database.snapshot() as db:
            seen = {}
            for name in table_copy.names():
                seen[name] = list(table_copy.rows(db, name))
                with database.writing() as writer:
                    add_release(writer, add_app(writer, f"meanwhile {name}"))
        assert seen == before


@pytest.mark.parametrize(
    ("name", "row"),
    [
        (
            "stages",
            {"release_id": 99, "name": "build", "position": 1, "state": "x", "cached": False},
        ),
        ("users", {"id": 1, "name": None}),
        ("users", {"id": {}, "name": "x"}),
        ("avatars", {"user_id": 1, "image": "not base64!"}),
    ],
)
def test_rows_that_do_not_fit_are_a_value_error(
    name: str, row: table_copy.Row, servers: Servers, tmp_path: Path
) -> None:
    url = servers.migrated(SQLITE, tmp_path)
    with opened(url) as database, pytest.raises(ValueError), database.writing() as db:  # noqa: PT011 what backups catch
        table_copy.insert_rows(db, name, [row])


def test_columns_of_a_newer_version_are_left_out(servers: Servers, tmp_path: Path) -> None:
    row = {"name_key": "lin", "user_id": None, "colour": "red"}
    with opened(servers.migrated(SQLITE, tmp_path)) as database:
        with database.writing() as db:
            table_copy.insert_rows(db, "user_names", [row])
        assert everything(database)["user_names"] == [{"name_key": "lin", "user_id": None}]
