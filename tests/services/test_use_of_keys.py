"""When a key was last used is noted now and then, and delays no page."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import event, select, update

from databases import SQLITE
from mprelease.domain.users import Actor, Role, User
from mprelease.schemas.users import NewUser
from mprelease.services import sessions, users
from mprelease.services.context import ServiceContext
from mprelease.storage import tables
from mprelease.storage.access_keys import KeyKind
from mprelease.storage.database import Database

MINUTE_MS = 60_000


@pytest.fixture
def user(services: ServiceContext) -> User:
    return users.add(services, Actor("admin"), NewUser(name="小李", role=Role.MEMBER))[0]


@pytest.fixture
def secret(services: ServiceContext, user: User) -> str:
    """A token that was used once, and a while ago."""
    made = sessions.add_token(services, user, "ci", 1)
    assert sessions.find(services, made, KeyKind.TOKEN)
    with services.database.writing() as db:
        earlier = tables.access_keys.c.used_at - 2 * MINUTE_MS
        db.connection.execute(update(tables.access_keys).values(used_at=earlier))
    return made


@contextmanager
def updates(database: Database) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if statement.startswith("UPDATE"):
            seen.append(statement)

    with database.writing() as db:
        engine = db.connection.engine
    with database.writing_at_once() as db:
        other = db.connection.engine
    for each in {engine, other}:
        event.listen(each, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        for each in {engine, other}:
            event.remove(each, "before_cursor_execute", note)


@pytest.mark.parametrize("ahead", [-60 * MINUTE_MS, 0, 2 * MINUTE_MS])
def test_the_use_is_written_once_a_minute_whatever_the_clock_of_the_node_says(
    services: ServiceContext, secret: str, ahead: int
) -> None:
    """Issue 12, numbers 12 and 33."""
    node = replace(services, now=lambda: time.time_ns() // 1_000_000 + ahead)
    counts = []
    for _ in range(3):
        with updates(services.database) as seen:
            assert sessions.find(node, secret, KeyKind.TOKEN)
        counts.append(len(seen))
    assert counts == [2, 0, 0]


@pytest.mark.parametrize("table", [tables.access_keys, tables.users], ids=str)
def test_a_page_waits_for_nobody_who_writes(
    services: ServiceContext, kind: str, user: User, secret: str, table: object
) -> None:
    """Issue 12, number 33."""
    with locked(services.database, kind, table, user):
        began = time.monotonic()
        found = sessions.find(services, secret, KeyKind.TOKEN)
        assert time.monotonic() - began < 2
    assert found
    assert found.user.id == user.id
    with updates(services.database) as seen:
        assert sessions.find(services, secret, KeyKind.TOKEN)
    assert seen, "it is written as soon as nobody else writes"


@contextmanager
def locked(database: Database, kind: str, table: object, user: User) -> Iterator[None]:
    """Hold the locks of another process: of the whole file, or of a row."""
    if kind == SQLITE:
        with database.reading() as db:
            file = db.connection.engine.url.database
        with closing(sqlite3.connect(str(file), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
        return
    column = tables.access_keys.c.user_id if table is tables.access_keys else tables.users.c.id
    with database.writing() as db:
        db.connection.execute(select(column).where(column == user.id).with_for_update())
        yield
