"""How long releases take, by the medians of the last ones that succeeded; on every database."""

from dataclasses import replace

import pytest
from sqlalchemy import event

from mprelease.domain.apps import Environment
from mprelease.domain.releases import Estimate, Kind, Release, Stage, StageState, State
from mprelease.schemas.apps import App
from mprelease.storage import queue, releases
from mprelease.storage.database import Database
from mprelease.storage.estimates import Estimates
from mprelease.storage.progress import with_progress
from sample_rows import add_app, add_release

TIMES = (100, 200, 300, 400)


def released(
    database: Database,
    app: App,
    times: tuple[int, ...] = TIMES,
    state: State = State.SUCCEEDED,
    kind: Kind = Kind.PREVIEW,
    *,
    cached: bool = False,
) -> int:
    """Add a release whose stages took so long, in ms."""
    with database.writing() as db:
        number = add_release(db, app, kind)
    lease = queue.claim(database, number, "worker", f"token {number}")
    assert lease
    with database.writing() as db:
        at = 1000
        for stage, took in zip(Stage, times, strict=True):
            queue.start_stage(db, lease, stage, at)
            at += took
            queue.end_stage(db, lease, stage, StageState.SUCCEEDED, at, cached=cached)
        queue.end(db, lease, state)
    return number


def queued(database: Database, app: App, kind: Kind = Kind.PREVIEW) -> Release:
    with database.writing() as db:
        number = add_release(db, app, kind)
    with database.reading() as db:
        found = releases.by_id(db, number)
    assert found
    return found


def estimate(
    database: Database, release: Release, source: Estimates | None = None
) -> Estimate | None:
    with database.reading() as db:
        return (source or Estimates()).of(db, [release]).get(release.id)


@pytest.fixture
def app(database: Database) -> App:
    with database.writing() as db:
        return add_app(db)


def test_each_stage_takes_the_median_of_the_last_ten_successes(
    database: Database, app: App
) -> None:
    for extra in (90_000, 80_000):  # too long ago
        released(database, app, (extra, extra, extra, extra))
    for number in range(10):
        released(database, app, (100 * number, 200, 300, 400 + number))
        released(database, app, (9000, 9000, 9000, 9000), State.FAILED)
    assert estimate(database, queued(database, app)) == Estimate(
        {Stage.CHECKOUT: 450, Stage.INSTALL: 200, Stage.BUILD: 300, Stage.PUBLISH: 404}, 10
    )


def test_kinds_environments_and_apps_are_apart_and_the_other_kind_helps_out(
    database: Database, app: App
) -> None:
    released(database, app, kind=Kind.UPLOAD)
    preview, upload = queued(database, app), queued(database, app, Kind.UPLOAD)
    usual = Estimate(dict(zip(Stage, TIMES, strict=True)), 1)
    assert estimate(database, upload) == usual
    assert estimate(database, preview) == usual, "the first preview of an app that was uploaded"
    assert estimate(database, replace(upload, environment=Environment.DEVELOPMENT)) is None
    with database.writing() as db:
        other = add_app(db, "other")
    assert estimate(database, queued(database, other)) is None
    released(database, app, (1, 2, 3, 4))
    own = estimate(database, preview)
    assert own
    assert own.expected_ms == 10


def test_what_was_built_before_is_not_built_again(database: Database, app: App) -> None:
    released(database, app)
    again = replace(queued(database, app), artifact="a" * 64)
    found = estimate(database, again)
    assert found
    assert found.stages == {
        Stage.CHECKOUT: 100,
        Stage.INSTALL: 0,
        Stage.BUILD: 0,
        Stage.PUBLISH: 400,
    }


def test_estimates_of_many_releases_take_one_query_and_none_for_some_seconds(
    database: Database, app: App
) -> None:
    with database.writing() as db:
        others = [add_app(db, f"app-{number}") for number in range(30)]
    waiting = [queued(database, each) for each in (app, *others)]
    released(database, app)
    seconds = [0.0]
    source = Estimates(5, lambda: seconds[0])
    statements: list[str] = []

    def count(*given: object) -> None:
        if "SELECT" in str(given[2]):
            statements.append(str(given[2]))

    with database.reading() as db:
        engine = db.connection.engine
        event.listen(engine, "before_cursor_execute", count)
        try:
            assert source.of(db, waiting).keys() == {waiting[0].id}
            assert len(statements) == 1
            seconds[0] = 4.9
            source.of(db, waiting)
            assert len(statements) == 1
            seconds[0] = 5.1
            source.of(db, waiting)
            assert len(statements) == 2
        finally:
            event.remove(engine, "before_cursor_execute", count)


def test_only_unfinished_releases_have_an_estimate_and_a_place(
    database: Database, app: App
) -> None:
    ended = released(database, app)
    waits = queued(database, app)
    with database.reading() as db:
        done = releases.by_id(db, ended)
        assert done
        shown = with_progress(db, Estimates(), [done, waits])
    assert (shown[0].estimate, shown[0].queue) == (None, None)
    assert shown[1].estimate
    assert shown[1].queue
    assert shown[1].queue.position == 1
