"""Migrations lead to the tables that the code knows, whoever else is at work."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Engine,
    Table,
    event,
    insert,
    inspect,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError

from databases import MARIADB, Servers, opened
from mprelease.storage import audit, projects, tables, users
from mprelease.storage import migrate as steps
from mprelease.storage.contention import is_contention
from mprelease.storage.database import Database, Writer, new_id
from mprelease.storage.migrate import HEAD, migrate
from mprelease.storage.tables import metadata
from old_databases import STEPS, insert_old_row, revision, upgrade
from sample_rows import NOW, add_app, add_release

pytestmark = pytest.mark.lasting

NODES = 4
STARTING_NODE = """
import sys
from pathlib import Path
from mprelease.storage.database import Database, Writer, new_id
from mprelease.storage.migrate import migrate
print("ready", flush=True)
sys.stdin.readline()
migrate(Database(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.fixture
def blank(blank_url: str) -> Iterator[Database]:
    with opened(blank_url) as database:
        yield database


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "migration.lock"


def differences(database: Database) -> list[Any]:
    """List in what the database's tables are not those of the code."""
    with database.writing() as db:
        return list(compare_metadata(MigrationContext.configure(db.connection), metadata))


def test_the_steps_lead_to_the_tables_of_the_code(blank: Database, lock: Path) -> None:
    migrate(blank, lock)
    assert differences(blank) == []
    assert revision(blank) == [HEAD]


def test_the_head_that_the_code_expects_is_the_last_step() -> None:
    assert ScriptDirectory(str(STEPS)).get_heads() == [HEAD]


def test_revisions_are_numbers_in_the_order_of_the_steps() -> None:
    steps = [step.revision for step in ScriptDirectory(str(STEPS)).walk_revisions()]
    assert list(reversed(steps)) == [f"{number:04}" for number in range(1, len(steps) + 1)]


def test_nodes_that_start_at_once_migrate_once(blank_url: str, lock: Path) -> None:
    nodes = [
        subprocess.Popen(
            [sys.executable, "-c", STARTING_NODE, blank_url, str(lock)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(NODES)
    ]
    for node in nodes:
        assert node.stdout
        assert node.stdout.readline() == "ready\n"
    for node in nodes:
        assert node.stdin
        node.stdin.write("go\n")
        node.stdin.flush()
    # A second one that also ran the steps would fail: tables, or the row of the version, are there.
    ends = [(node.communicate(timeout=60)[1], node.returncode) for node in nodes]
    assert ends == [("", 0)] * NODES
    with opened(blank_url) as database:
        assert revision(database) == [HEAD]
        assert differences(database) == []


def test_a_node_goes_on_with_a_database_that_a_newer_version_has_changed(
    database: Database, lock: Path
) -> None:
    with changed_to(database, "9999"):
        migrate(database, lock)
        assert revision(database) == ["9999"]


@contextmanager
def changed_to(database: Database, number: str) -> Iterator[None]:
    """Let the database be one of another version for a while; its tables stay for other tests."""
    for now in (number, HEAD):
        with database.writing() as db:
            db.connection.execute(text(f"UPDATE alembic_version SET version_num = '{now}'"))
        if now == number:
            yield


class Killed(Exception):
    """The end of a node in the middle of its migration."""


@contextmanager
def killed_after(changes: int) -> Iterator[None]:
    """Let migrations in this block die behind so many statements that change something."""
    left = changes

    def count(_: Any, __: Any, statement: str, *___: Any) -> None:
        nonlocal left
        left -= statement.startswith(("CREATE", "\nCREATE", "ALTER", "DROP", "INSERT", "UPDATE"))
        if left == 0:
            left = -1
            raise Killed

    event.listen(Engine, "after_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(Engine, "after_cursor_execute", count)


@pytest.mark.parametrize("since", [None, "0001", "0004", "0009"])
def test_a_migration_that_is_killed_anywhere_is_finished_by_the_next_one(
    blank: Database, lock: Path, kind: str, since: str | None
) -> None:
    if since:
        upgrade(blank, since)
    # MariaDB keeps what was changed before; the others roll all of it back, wherever it was.
    for changes in range(1, 200, 1 if kind == MARIADB else 4):
        try:
            with killed_after(changes):
                migrate(blank, lock)
        except Killed:
            continue
        break
    assert changes > 2, "it was not killed in the middle"
    assert revision(blank) == [HEAD]
    assert differences(blank) == []


def test_older_nodes_work_on_while_a_newer_one_migrates(
    blank: Database, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Step 0010 renames what they use, and waits for their end.
    monkeypatch.setattr(steps, "HEAD", "0009")
    upgrade(blank, "0001")
    with blank.writing() as db:
        known = {column["name"] for column in inspect(db.connection).get_columns("releases")}
        app = db.connection.execute(insert(tables.apps).values(as_at_first(tables.apps)))
        first = as_at_first(tables.releases) | {"app_id": new_id(app)}
        number = new_id(db.connection.execute(insert(tables.releases).values(first)))
    columns = [column for column in tables.releases.c if column.name in known]
    over = threading.Event()
    errors: list[Exception] = []

    def work(db: Writer, node: int) -> None:
        mine = update(tables.releases).where(tables.releases.c.id == number)
        db.connection.execute(mine.values(worker_id=f"node {node}"))
        db.connection.execute(select(*columns).where(tables.releases.c.id == number)).one()
        db.connection.execute(insert(tables.releases).values(first))

    def live(node: int) -> None:
        while not over.is_set():
            try:
                with blank.writing() as db:
                    work(db, node)
            except Exception as error:  # noqa: BLE001 told by the main thread
                errors.append(error)

    nodes = [threading.Thread(target=live, args=(node,)) for node in range(NODES)]
    for node in nodes:
        node.start()
    try:
        migrate(blank, lock)
    finally:
        over.set()
        for node in nodes:
            node.join(60)
    assert [error for error in errors if not may_be_tried_again(error)] == []
    with blank.writing() as db:
        work(db, NODES)
    assert revision(blank) == ["0009"]


def as_at_first(table: Table) -> dict[str, Any]:
    """Return the least that a node writes which does not know what later steps have added."""
    blank_of: dict[type, object] = {int: 0, str: "", bool: False, object: {}}
    return {
        column.name: blank_of[column.type.python_type]
        for column in table.c
        if not (column.nullable or column.primary_key or column.server_default is not None)
    }


def may_be_tried_again(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and is_contention(error)


@pytest.mark.parametrize("kind", [pytest.param(MARIADB, marks=pytest.mark.servers)], indirect=True)
def test_a_database_made_for_latin_letters_keeps_chinese_and_emoji(
    blank_url: str, blank: Database, lock: Path, servers: Servers
) -> None:
    name = make_url(blank_url).database
    servers.address(MARIADB).run(f"ALTER DATABASE {name} CHARACTER SET latin1")
    migrate(blank, lock)
    with blank.writing() as db:
        written = projects.add(db, "小程序🚀", "/srv/小程序🚀.git", "main", NOW)
        add_release(db, add_app(db, "小程序🚀"))
    with blank.reading() as db:
        assert projects.by_id(db, written.id) == written
        kinds = db.connection.scalars(
            text(
                "SELECT DISTINCT collation_name FROM information_schema.columns WHERE table_schema"
                " = DATABASE() AND table_name <> 'alembic_version' AND collation_name IS NOT NULL"
            )
        ).all()
    assert kinds == ["utf8mb4_bin"]


def test_names_of_today_and_of_removed_users_stay_taken(blank: Database, lock: Path) -> None:
    upgrade(blank, "0004")
    with blank.writing() as db:
        blank_user = as_at_first(tables.users) | {"role": "member"}
        for number, name in enumerate(("Admin", "ADMIN", "小李"), 1):
            db.connection.execute(
                insert(tables.users).values(blank_user | {"id": number, "name": name})
            )
        for name in ("Li", "小李"):
            insert_old_row(db, "audit", {"deed": "user.remove", "subject": name})
    migrate(blank, lock)
    with blank.reading() as db:
        taken = [users.is_taken(db, name) for name in ("admin", "LI", "小李", "Lin")]
        assert taken == [True, True, True, False]
        assert not users.is_taken(db, "小李", 3)
        assert [user.name for user in users.every(db)] == ["ADMIN", "Admin", "小李"]
        assert audit.every(db)[0].who_id is None
