"""Issue 12, numbers 9 and 12: what a release says of itself is its own."""

from dataclasses import asdict, replace

import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.logs import LogLimits
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.domain.releases import (
    Commit,
    Kind,
    Publication,
    Release,
    Stage,
    StageState,
    State,
)
from mprelease.domain.users import Actor
from mprelease.engine.log_limit import LimitedLog
from mprelease.engine.recorder import DatabaseRecorder
from mprelease.i18n import Language, Translator
from mprelease.pipeline.runner import Outcome
from mprelease.platforms.registry import with_one_trial_code
from mprelease.schemas.apps import App, AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, projects, releases, repetition
from mprelease.services.context import ServiceContext
from mprelease.storage import blockers, lists, queue
from mprelease.storage import releases as stored
from mprelease.storage.lists import Search

COMMIT = Commit("a" * 40, "林", "Begin", 0)
PREVIEW = ReleaseRequest(app="shop", kind=Kind.PREVIEW, ref="feature/pay")
UPLOAD = ReleaseRequest(app="shop", kind=Kind.UPLOAD, ref="feature/pay")
YEAR_MS = 365 * 86_400_000


@pytest.fixture
def app(services: ServiceContext, developer: Actor, upload_key: str) -> App:
    projects.add(
        services,
        developer,
        ProjectChange(name="web", repository="/srv/web.git", default_branch="main"),
    )
    new = AppChange(
        name="shop", platform_app_id="wx0123456789abcdef", credential=upload_key.encode()
    )
    twin = new.with_(name="twin")
    apps.add(services, developer, "web", Platform.WECHAT, twin)
    return apps.add(services, developer, "web", Platform.WECHAT, new)


def shown(services: ServiceContext, release_id: int) -> Release:
    with services.database.reading() as db:
        return releases.get(db, release_id)


def run(
    services: ServiceContext, release_id: int, commit: Commit = COMMIT, *, code: bool = False
) -> None:
    lease = queue.claim(services.database, release_id, "worker", f"token {release_id}")
    assert lease
    with services.database.writing() as db:
        queue.write(db, lease, commit=asdict(commit))
        if code:
            stored.put_qr_code(db, release_id, b"an image", "image/png", services.now())
        queue.end(db, lease, State.SUCCEEDED)


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("wanted", [PREVIEW, UPLOAD])
def test_again_takes_the_releases_own_commit_and_keeps_the_name_of_its_branch(
    services: ServiceContext, developer: Actor, wanted: ReleaseRequest
) -> None:
    first = releases.request(services, developer, wanted)
    run(services, first)
    second = releases.request(services, developer, repetition.again(services, first))
    made = shown(services, second)
    assert (made.ref, made.ref_name, made.shown_ref) == (COMMIT.id, "feature/pay", "feature/pay")
    run(services, second)
    third = releases.request(services, developer, repetition.again(services, second))
    assert (shown(services, third).ref, shown(services, third).shown_ref) == (
        COMMIT.id,
        "feature/pay",
    )
    with services.database.reading() as db:
        found = lists.search(db, Search(ref="feature"))
    assert {one.id for one in found} == {first, second, third}


@pytest.mark.usefixtures("app")
def test_again_of_a_release_that_never_saw_its_commit_takes_its_ref(
    services: ServiceContext, developer: Actor
) -> None:
    first = releases.request(services, developer, PREVIEW)
    releases.cancel(services, developer, first)
    wanted = repetition.again(services, first)
    assert (wanted.ref, wanted.ref_name) == ("feature/pay", None)


@pytest.mark.usefixtures("app")
def test_the_name_of_a_commits_branch_is_checked_like_a_ref(
    services: ServiceContext, developer: Actor
) -> None:
    with pytest.raises(Refused) as refused:
        releases.request(services, developer, PREVIEW.with_(ref_name="-x"))
    assert refused.value.problem_detail.problem is Problem.REF_SHAPE


@pytest.mark.usefixtures("app")
def test_a_release_waits_for_what_keeps_its_place_and_for_nothing_else(
    services: ServiceContext, developer: Actor
) -> None:
    def blocker(release_id: int) -> tuple[int | None, bool]:
        with services.database.reading() as db:
            return blockers.blocker(db, release_id)

    other = releases.request(services, Actor("王"), PREVIEW.with_(robot=9))
    assert queue.claim(services.database, other, "worker", "token")
    first, second, third = (
        releases.request(services, developer, PREVIEW.with_(ref=ref)) for ref in "abc"
    )
    assert [blocker(each) for each in (first, second, third)] == [
        (None, False),
        (first, False),
        (second, False),
    ]
    lease = queue.claim(services.database, first, "worker", "token 1")
    assert lease
    assert [blocker(each) for each in (second, third)] == [(first, False), (first, False)]
    with services.database.writing() as db:
        queue.end(db, lease, State.UNKNOWN)
    with services.database.writing() as db:
        row = stored.releases.update().where(stored.releases.c.id == first)
        db.connection.execute(row.values(running_key=shown_key(services, second)))
    assert blocker(second) == (first, True)


def shown_key(services: ServiceContext, release_id: int) -> str:
    with services.database.reading() as db:
        row = stored.releases.select().where(stored.releases.c.id == release_id)
        return str(db.connection.execute(row).one().serial_key)


def test_a_deleted_release_does_not_colour_the_sidebar(
    services: ServiceContext, developer: Actor, app: App
) -> None:
    first = releases.request(services, developer, PREVIEW)
    run(services, first)
    second = releases.request(services, developer, PREVIEW)
    releases.cancel(services, developer, second)

    def newest() -> tuple[State | None, int | None]:
        with services.database.reading() as db:
            (section,) = lists.sections(db)
        (mine,) = [each for each in section.apps if each.id == app.id]
        return mine.state, mine.newest

    assert newest() == (State.CANCELED, second)
    releases.delete(services, developer, [second])
    assert newest() == (State.SUCCEEDED, first)
    releases.delete(services, developer, [first])
    assert newest() == (None, None)


@pytest.mark.usefixtures("app")
def test_the_one_trial_code_of_an_app_id_stands_at_the_newest_upload_alone(
    services: ServiceContext, developer: Actor
) -> None:
    uploads = [
        releases.request(services, developer, wanted)
        for wanted in (UPLOAD, UPLOAD.with_(app="twin", robot=2), PREVIEW)
    ]
    for each in uploads:
        run(services, each, code=True)
    with services.database.reading() as db:
        assert lists.own_codes(db, uploads, with_one_trial_code()).keys() == {
            uploads[1],
            uploads[2],
        }
        assert lists.with_codes(db, uploads).keys() == set(uploads)


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("ahead", [-YEAR_MS, YEAR_MS])
def test_all_times_of_a_release_are_by_the_databases_clock(
    services: ServiceContext, developer: Actor, ahead: int
) -> None:
    """Issue 12, number 12: whatever the clocks of web nodes and workers say."""
    wrong = replace(services, now=lambda: services.now() + ahead)
    release_id = releases.request(wrong, developer, PREVIEW)
    lease = queue.claim(services.database, release_id, "worker", "token")
    assert lease
    log = LimitedLog(LogLimits(1 << 20, 100), Translator(Language.ENGLISH))
    recorder = DatabaseRecorder(services.database, lease, lambda: services.now() - ahead, log)
    for stage in Stage:
        recorder.started(stage)
        recorder.ended(stage, StageState.SUCCEEDED)
    recorder.published(Publication(b"an image"))
    recorder.finish(Outcome(State.SUCCEEDED))
    release = shown(services, release_id)
    with services.database.reading() as db:
        made_at = lists.with_codes(db, [release_id])[release_id]
    times = [release.created_at, release.started_at]
    times += [each for stage in release.stages for each in (stage.started_at, stage.ended_at)]
    times += [made_at, release.ended_at]
    known = [each for each in times if each is not None]
    assert len(known) == len(times)
    assert known == sorted(known)
    assert known[-1] - known[0] < 60_000
