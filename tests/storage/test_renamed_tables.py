"""Step 0010: tables and columns get the names of today."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from databases import opened
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.domain.workers import ALIVE_MS
from mprelease.storage import access_keys, audit, clock, tables
from mprelease.storage import migrate as steps
from mprelease.storage.access_keys import KeyKind
from mprelease.storage.database import Database
from mprelease.storage.migrate import HEAD, migrate
from old_databases import insert_old_row, revision, upgrade

pytestmark = pytest.mark.lasting

LATER = 10**13


@pytest.fixture
def blank(blank_url: str) -> Iterator[Database]:
    with opened(blank_url) as database:
        yield database


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "migration.lock"


def test_names_change_and_nothing_is_lost(blank: Database, lock: Path) -> None:
    """Step 0010."""
    upgrade(blank, "0009")
    with blank.writing() as db:
        insert_old_row(db, "audit", {"deed": "app.add", "subject": "shop"})
        insert_old_row(db, "users", {"id": 3, "name": "lin", "role": "member"})
        of_lin = {"id": 7, "user_id": 3, "kind": "login", "digest": "d", "expires_at": LATER}
        insert_old_row(db, "keys", of_lin)
        app = {"id": 1, "name": "shop", "default_page": "pages/index", "build": {}}
        insert_old_row(db, "apps", app)
        release = {"app_id": 1, "page": "pages/cart", "settings": {"es6": True}}
        insert_old_row(db, "releases", release)
    migrate(blank, lock)
    with blank.writing() as db:
        assert [entry.action for entry in audit.every(db)] == ["app.add"]
        assert db.connection.scalar(select(tables.apps.c.start_page)) == "pages/index"
        settings = select(tables.releases.c.start_page, tables.releases.c.compile_settings)
        assert db.connection.execute(settings).one() == ("pages/cart", {"es6": True})
        found = access_keys.holder(db, "d")
        assert found
        assert (found.user.name, found.key.id) == ("lin", 7)
        # Its number is not given again.
        access_keys.add(db, 3, KeyKind.TOKEN, "ci", digest="e", csrf="", ttl=10**9)
        assert {key.id for key in access_keys.of_user(db, 3, KeyKind.TOKEN)} == {8}


def test_names_change_only_when_no_worker_of_an_older_version_is_alive(
    blank: Database, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "_POLL_SECONDS", 0.05)
    upgrade(blank, "0009")
    with blank.writing() as db:
        seen_at = clock.read(db)
        insert_old_row(db, "workers", {"name": "old", "labels": [], "seen_at": seen_at})
    over = threading.Event()

    def beat() -> None:
        while not over.wait(0.02):
            with blank.writing() as db:
                seen = update(tables.workers).values(seen_at=clock.read(db))
                db.connection.execute(seen)

    beating = threading.Thread(target=beat)
    beating.start()
    try:
        with pytest.raises(Refused) as refused:
            migrate(blank, lock)
    finally:
        over.set()
        beating.join()
    assert refused.value.problem_detail == ProblemDetail(
        Problem.OLDER_NODES_ALIVE, {"workers": "old"}
    )
    assert revision(blank) == ["0009"]
    # A killed one is waited for.
    with blank.writing() as db:
        dying = update(tables.workers).values(seen_at=clock.read(db) - ALIVE_MS + 300)
        db.connection.execute(dying)
    migrate(blank, lock)
    assert revision(blank) == [HEAD]
