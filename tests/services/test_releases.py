"""Requesting releases: what is accepted, what is refused, and which number an upload gets."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, Release, StageState, State
from mprelease.domain.users import Actor
from mprelease.schemas.apps import App, AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, projects, releases
from mprelease.services.context import ServiceContext
from mprelease.storage import audit, queue
from mprelease.storage import releases as stored

UPLOAD = ReleaseRequest(app="shop", kind=Kind.UPLOAD)
PREVIEW = ReleaseRequest(app="shop", kind=Kind.PREVIEW)


@pytest.fixture
def app(services: ServiceContext, developer: Actor, upload_key: str) -> App:
    projects.add(
        services,
        developer,
        ProjectChange(name="web", repository="/srv/web.git", default_branch="develop"),
    )
    new = AppChange(
        name="shop",
        platform_app_id="wx0123456789abcdef",
        credential=upload_key.encode(),
        robot=3,
        start_page="pages/home/home",
    )
    return apps.add(services, developer, "web", Platform.WECHAT, new)


def accepted(services: ServiceContext, developer: Actor, wanted: ReleaseRequest) -> Release:
    release_id = releases.request(services, developer, wanted)
    with services.database.reading() as db:
        return releases.get(db, release_id)


def ended(services: ServiceContext, release: Release, state: State) -> None:
    lease = queue.claim(services.database, release.id, "worker", "token")
    assert lease
    with services.database.writing() as db:
        queue.end(db, lease, state)


@pytest.mark.usefixtures("app")
def test_a_release_begins_queued_with_four_pending_stages_and_the_defaults(
    services: ServiceContext, developer: Actor
) -> None:
    release = accepted(services, developer, PREVIEW)
    assert release.state is State.QUEUED
    assert [stage.state for stage in release.stages] == [StageState.PENDING] * 4
    assert (release.ref, release.robot, release.requested_by) == ("develop", 3, "林")
    assert release.launch.start_page == "pages/home/home"
    assert release.version is None


@pytest.mark.usefixtures("app")
def test_uploads_of_a_day_are_numbered_in_the_time_zone_of_the_team(
    services: ServiceContext, developer: Actor
) -> None:
    first = accepted(services, developer, UPLOAD)
    second = accepted(services, developer, UPLOAD)
    assert (first.version, second.version) == ("26.11.22.0", "26.11.22.1")


@pytest.mark.usefixtures("app")
def test_a_failed_upload_gives_its_number_back(services: ServiceContext, developer: Actor) -> None:
    ended(services, accepted(services, developer, UPLOAD), State.FAILED)
    assert accepted(services, developer, UPLOAD).version == "26.11.22.0"


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("version", ["26.11.22.0", "1.0.0", "v1.2.3-beta", "10.0.0"])
def test_wechat_takes_any_version_again_and_the_next_automatic_one_is_todays(
    version: str, services: ServiceContext, developer: Actor
) -> None:
    """Issue 12, number 21: one mistaken 10.0.0 refused everything below it for ever."""
    accepted(services, developer, UPLOAD.with_(version="99.0.0"))
    accepted(services, developer, UPLOAD)
    for _ in range(2):
        assert accepted(services, developer, UPLOAD.with_(version=version)).version == version
    assert accepted(services, developer, UPLOAD).version == "26.11.22.1"


@pytest.mark.usefixtures("app")
def test_a_version_is_automatic_unless_it_was_typed(
    services: ServiceContext, developer: Actor
) -> None:
    made = [accepted(services, developer, UPLOAD.with_(version=each)) for each in (None, "1.0.0")]
    assert [one.version_is_automatic for one in made] == [True, False]
    assert not accepted(services, developer, PREVIEW).version_is_automatic


@pytest.mark.usefixtures("app")
def test_a_repeated_request_with_the_same_key_is_the_same_release(
    services: ServiceContext, developer: Actor
) -> None:
    wanted = UPLOAD.with_(idempotency_key="click-1")
    assert accepted(services, developer, wanted) == accepted(services, developer, wanted)


@pytest.mark.usefixtures("app")
def test_the_same_request_sent_many_times_at_once_is_one_release(
    services: ServiceContext, developer: Actor
) -> None:
    with ThreadPoolExecutor(8) as clicks:
        for number in range(10):
            wanted = UPLOAD.with_(idempotency_key=f"click-{number}")
            requests = [
                clicks.submit(releases.request, services, developer, wanted) for _ in range(8)
            ]
            assert len({each.result() for each in requests}) == 1


BAD: Mapping[Problem, ReleaseRequest] = {
    Problem.APP_UNKNOWN: PREVIEW.with_(app="nobody"),
    Problem.ROBOT_RANGE: PREVIEW.with_(robot=31),
    Problem.VERSION_SHAPE: UPLOAD.with_(version="版本 1"),
    Problem.REF_SHAPE: PREVIEW.with_(ref="--upload-pack=evil"),
    Problem.PAGE_SHAPE: PREVIEW.with_(start_page="pages/a?b=1"),
    Problem.QUERY_SHAPE: PREVIEW.with_(query="a b"),
    Problem.SCENE_SHAPE: PREVIEW.with_(scene=12),
    Problem.DESCRIPTION_TOO_LONG: PREVIEW.with_(description="长" * 2001),
}


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("problem", BAD)
def test_bad_input_is_refused_and_nothing_is_queued(
    problem: Problem, services: ServiceContext, developer: Actor
) -> None:
    with pytest.raises(Refused) as refused:
        releases.request(services, developer, BAD[problem])
    assert refused.value.problem_detail.problem is problem
    with services.database.reading() as db:
        assert stored.newest(db, None, 10) == []


@pytest.mark.usefixtures("app")
def test_a_queued_release_can_be_canceled_and_an_ended_one_not(
    services: ServiceContext, developer: Actor
) -> None:
    release = accepted(services, developer, PREVIEW)
    for _ in range(2):
        releases.cancel(services, developer, release.id)
    with services.database.reading() as db:
        assert releases.get(db, release.id).state is State.CANCELED


@pytest.mark.usefixtures("app")
def test_every_operation_leaves_its_trace_without_secrets(
    services: ServiceContext, developer: Actor
) -> None:
    release = accepted(services, developer, UPLOAD)
    releases.cancel(services, developer, release.id)
    with services.database.reading() as db:
        entries = audit.every(db)
    assert [entry.action for entry in entries] == [
        "project.add",
        "app.add",
        "release.upload",
        "release.cancel",
    ]
    assert {entry.who for entry in entries} == {"林"}
    assert "PRIVATE" not in str(entries)
