"""Requesting releases: what is accepted, what is refused, and which number an upload gets."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from mprelease.domain.apps import App
from mprelease.domain.errors import Refused
from mprelease.domain.people import Actor
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.domain.releases import (
    Kind,
    LaunchOptions,
    Release,
    ReleaseRequest,
    StageState,
    State,
)
from mprelease.services import apps, projects, releases
from mprelease.services.house import House
from mprelease.storage import audit, queue
from mprelease.storage import releases as stored

UPLOAD = ReleaseRequest("shop", Kind.UPLOAD)
PREVIEW = ReleaseRequest("shop", Kind.PREVIEW)


@pytest.fixture
def app(house: House, developer: Actor, upload_key: str) -> App:
    projects.add(house, developer, projects.ProjectChange("web", "/srv/web.git", "develop"))
    new = apps.AppChange(
        name="shop",
        platform_app_id="wx0123456789abcdef",
        credential=upload_key.encode(),
        robot=3,
        default_page="pages/home/home",
    )
    return apps.add(house, developer, "web", Platform.WECHAT, new)


def accepted(house: House, developer: Actor, wanted: ReleaseRequest) -> Release:
    release_id = releases.request(house, developer, wanted)
    with house.database.reading() as db:
        return releases.found(db, release_id)


def ended(house: House, release: Release, state: State) -> None:
    lease = queue.claim(house.database, release.id, "worker", "token")
    assert lease
    with house.database.writing() as db:
        queue.end(db, lease, state)


@pytest.mark.usefixtures("app")
def test_a_release_begins_queued_with_four_pending_stages_and_the_defaults(
    house: House, developer: Actor
) -> None:
    release = accepted(house, developer, PREVIEW)
    assert release.state is State.QUEUED
    assert [stage.state for stage in release.stages] == [StageState.PENDING] * 4
    assert (release.ref, release.robot, release.requested_by) == ("develop", 3, "林")
    assert release.launch.page == "pages/home/home"
    assert release.version is None


@pytest.mark.usefixtures("app")
def test_uploads_of_a_day_are_numbered_in_the_time_zone_of_the_team(
    house: House, developer: Actor
) -> None:
    first = accepted(house, developer, UPLOAD)
    second = accepted(house, developer, UPLOAD)
    assert (first.version, second.version) == ("26.11.22.0", "26.11.22.1")


@pytest.mark.usefixtures("app")
def test_a_failed_upload_gives_its_number_back(house: House, developer: Actor) -> None:
    ended(house, accepted(house, developer, UPLOAD), State.FAILED)
    assert accepted(house, developer, UPLOAD).version == "26.11.22.0"


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("version", ["26.11.22.0", "1.0.0", "v1.2.3-beta", "10.0.0"])
def test_wechat_takes_any_version_again_and_the_next_automatic_one_is_todays(
    version: str, house: House, developer: Actor
) -> None:
    """Issue 12, number 21: one mistaken 10.0.0 refused everything below it for ever."""
    accepted(house, developer, replace(UPLOAD, version="99.0.0"))
    accepted(house, developer, UPLOAD)
    for _ in range(2):
        assert accepted(house, developer, replace(UPLOAD, version=version)).version == version
    assert accepted(house, developer, UPLOAD).version == "26.11.22.1"


@pytest.mark.usefixtures("app")
def test_a_version_is_automatic_unless_it_was_typed(house: House, developer: Actor) -> None:
    made = [accepted(house, developer, replace(UPLOAD, version=each)) for each in (None, "1.0.0")]
    assert [one.version_is_automatic for one in made] == [True, False]
    assert not accepted(house, developer, PREVIEW).version_is_automatic


@pytest.mark.usefixtures("app")
def test_a_repeated_request_with_the_same_key_is_the_same_release(
    house: House, developer: Actor
) -> None:
    wanted = replace(UPLOAD, idempotency_key="click-1")
    assert accepted(house, developer, wanted) == accepted(house, developer, wanted)


@pytest.mark.usefixtures("app")
def test_the_same_request_sent_many_times_at_once_is_one_release(
    house: House, developer: Actor
) -> None:
    with ThreadPoolExecutor(8) as clicks:
        for number in range(10):
            wanted = replace(UPLOAD, idempotency_key=f"click-{number}")
            asked = [clicks.submit(releases.request, house, developer, wanted) for _ in range(8)]
            assert len({each.result() for each in asked}) == 1


BAD: Mapping[Problem, ReleaseRequest] = {
    Problem.APP_UNKNOWN: replace(PREVIEW, app="nobody"),
    Problem.ROBOT_RANGE: replace(PREVIEW, robot=31),
    Problem.VERSION_SHAPE: replace(UPLOAD, version="版本 1"),
    Problem.REF_SHAPE: replace(PREVIEW, ref="--upload-pack=evil"),
    Problem.PAGE_SHAPE: replace(PREVIEW, launch=LaunchOptions(page="pages/a?b=1")),
    Problem.QUERY_SHAPE: replace(PREVIEW, launch=LaunchOptions(query="a b")),
    Problem.SCENE_SHAPE: replace(PREVIEW, launch=LaunchOptions(scene=12)),
    Problem.DESCRIPTION_TOO_LONG: replace(PREVIEW, description="长" * 2001),
}


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("problem", BAD)
def test_bad_input_is_refused_and_nothing_is_queued(
    problem: Problem, house: House, developer: Actor
) -> None:
    with pytest.raises(Refused) as refused:
        releases.request(house, developer, BAD[problem])
    assert refused.value.trouble.problem is problem
    with house.database.reading() as db:
        assert stored.newest(db, None, 10) == []


@pytest.mark.usefixtures("app")
def test_a_queued_release_can_be_canceled_and_an_ended_one_not(
    house: House, developer: Actor
) -> None:
    release = accepted(house, developer, PREVIEW)
    for _ in range(2):
        releases.cancel(house, developer, release.id)
    with house.database.reading() as db:
        assert releases.found(db, release.id).state is State.CANCELED


@pytest.mark.usefixtures("app")
def test_every_deed_leaves_its_trace_without_secrets(house: House, developer: Actor) -> None:
    release = accepted(house, developer, UPLOAD)
    releases.cancel(house, developer, release.id)
    with house.database.reading() as db:
        deeds = audit.every(db)
    assert [deed.deed for deed in deeds] == [
        "project.add",
        "app.add",
        "release.upload",
        "release.cancel",
    ]
    assert {deed.who for deed in deeds} == {"林"}
    assert "PRIVATE" not in str(deeds)
