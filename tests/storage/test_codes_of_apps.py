"""The newest code of each app, and to which upload the trial code belongs; on every database."""

from sqlalchemy import update

from mprelease.domain.codes import UNLIMITED, Code, Validity, lasting
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind
from mprelease.schemas.apps import App
from mprelease.storage import cells, lists, releases, workers
from mprelease.storage.database import Database, Writer
from mprelease.storage.lists import Successor
from mprelease.storage.tables import apps
from sample_rows import NOW, add_app, add_release


def coded(db: Writer, app: App, kind: Kind, robot: int = 1) -> int:
    number = add_release(db, app, kind, robot)
    lifetime = lasting(minutes=25) if kind is Kind.PREVIEW else UNLIMITED
    releases.put_qr_code(db, number, b"png", "image/png", NOW, lifetime)
    return number


def test_an_app_has_its_newest_code_of_each_kind(database: Database) -> None:
    with database.writing() as db:
        app, bare = add_app(db), add_app(db, "bare")
        coded(db, app, Kind.PREVIEW)
        preview, upload = coded(db, app, Kind.PREVIEW), coded(db, app, Kind.UPLOAD)
        add_release(db, bare)
    with database.reading() as db:
        found = cells.cells(db, [app.id, bare.id])
        known = releases.by_id(db, preview)
        trial = lists.trial_code(db, app.id), lists.trial_code(db, bare.id)
        assert cells.cells(db, []) == {}
    limited = Code(NOW, Validity.LIMITED, NOW + 25 * 60_000)
    of_preview, of_upload = found[app.id][Kind.PREVIEW], found[app.id][Kind.UPLOAD]
    assert (of_preview.shown.id, of_preview.shown.code) == (preview, limited)
    assert (of_preview.newest.id, of_preview.later) == (preview, None)
    assert (of_upload.shown.id, of_upload.shown.version) == (upload, "26.11.22.0")
    assert found[bare.id].keys() == {Kind.UPLOAD}
    assert known
    assert known.code == limited
    assert trial == (upload, None)


def test_a_later_release_without_a_code_is_beside_the_code(database: Database) -> None:
    with database.writing() as db:
        app = add_app(db)
        code = coded(db, app, Kind.PREVIEW)
        later, deleted = (add_release(db, app, Kind.PREVIEW) for _ in range(2))
        releases.remove(db, deleted, NOW)
    with database.reading() as db:
        cell = cells.cells(db, [app.id])[app.id][Kind.PREVIEW]
    assert cell.shown.id == code
    assert cell.later
    assert cell.later.id == later


def test_a_code_that_an_older_version_has_stored_is_unknown(database: Database) -> None:
    with database.writing() as db:
        number = coded(db, add_app(db), Kind.PREVIEW)
        old = update(releases.qr_codes).values(validity=None, expires_at=None)
        db.connection.execute(old)
    with database.reading() as db:
        known = releases.by_id(db, number)
    assert known
    assert known.code == Code(NOW)


def test_the_trial_code_belongs_to_the_newest_upload_of_the_robot_or_of_the_app(
    database: Database,
) -> None:
    one_code = (Platform.WECHAT,)
    with database.writing() as db:
        app, twin = add_app(db), add_app(db, "twin")
        first, second = (coded(db, app, Kind.UPLOAD) for _ in range(2))
        preview = coded(db, app, Kind.PREVIEW)
        other = coded(db, twin, Kind.UPLOAD, robot=2)
        without_code = add_release(db, app)
    every = [first, second, preview, other]
    with database.reading() as db:
        assert lists.successors(db, every, one_code) == {
            first: Successor(second, "26.11.22.0", has_replaced=True),
            second: Successor(other, "26.11.22.0", has_replaced=False),
        }
        assert lists.successors(db, every, ()) == {}
        assert lists.successors(db, [without_code], one_code) == {}
        assert lists.successors(db, [], one_code) == {}


def test_labels_of_apps_and_queued_releases_that_no_worker_takes(database: Database) -> None:
    with database.writing() as db:
        app, _ = add_app(db), add_app(db, "idle")
        db.connection.execute(update(apps).where(apps.c.id != app.id).values(label="linux"))
        add_release(db, app)
    with database.reading() as db:
        assert workers.unserved_labels(db) == {"default": 1, "linux": 0}
    with database.writing() as db:
        workers.register(db, "one", ["default"], 1, "1")
    with database.reading() as db:
        assert workers.unserved_labels(db) == {"linux": 0}
