"""Build settings that a newer node has stored: an older one loses none, and builds without none."""

from sqlalchemy import select, update

from mprelease.schemas.apps import App
from mprelease.storage import apps, tables
from mprelease.storage.candidates import candidates
from mprelease.storage.database import Database
from sample_rows import add_app, add_release

NEWER = {"engine": "bun 2"}


def stored(database: Database, app: App) -> dict[str, object]:
    with database.reading() as db:
        build = select(tables.apps.c.build).where(tables.apps.c.id == app.id)
        return dict(db.connection.scalar(build) or {})


def set_by_a_newer_node(database: Database, app: App) -> None:
    build = stored(database, app) | NEWER
    with database.writing() as db:
        mine = update(tables.apps).where(tables.apps.c.id == app.id)
        db.connection.execute(mine.values(build=build))


def test_an_edit_keeps_them(database: Database) -> None:
    with database.writing() as db:
        app = add_app(db)
    set_by_a_newer_node(database, app)
    with database.writing() as db:
        assert apps.change(db, app)
    assert stored(database, app) == {"compile_settings": {"es6": False}, **NEWER}


def test_a_worker_leaves_their_releases_to_newer_ones_and_takes_those_behind(
    database: Database,
) -> None:
    with database.writing() as db:
        newer, known = add_app(db), add_app(db, "known")
        waiting = {add_release(db, newer, robot=robot) for robot in range(1, 12)}
        release = add_release(db, known, robot=30)
    with database.reading() as db:
        assert set(candidates(db, ("default",))) < waiting
    set_by_a_newer_node(database, newer)
    with database.reading() as db:
        assert candidates(db, ("default",)) == [release]
