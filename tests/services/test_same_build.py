"""A new QR code is of the build that was released; nothing else can choose a stored build."""

from dataclasses import asdict

import pytest

from mprelease.domain.apps import Environment
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Commit, Kind, Release, State
from mprelease.domain.users import Actor
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, projects, releases, repetition
from mprelease.services.context import ServiceContext
from mprelease.storage import queue

COMMIT = Commit("a" * 40, "林", "Begin", 0)
ARTIFACT = "f" * 40 + "-" + "e" * 12
TOPIC = ReleaseRequest(app="shop", kind=Kind.PREVIEW, ref="topic")

pytestmark = pytest.mark.parametrize("kind", ["sqlite"])


@pytest.fixture
def built(services: ServiceContext, developer: Actor, upload_key: str) -> int:
    """A release of a branch, whose build is stored."""
    change = ProjectChange(name="web", repository="/srv/web.git", default_branch="main")
    projects.add(services, developer, change)
    for name in ("shop", "twin"):
        new = AppChange(
            name=name, platform_app_id="wx0123456789abcdef", credential=upload_key.encode()
        )
        apps.add(services, developer, "web", Platform.WECHAT, new)
    return ended(services, releases.request(services, developer, TOPIC), State.SUCCEEDED)


def ended(services: ServiceContext, release_id: int, state: State) -> int:
    lease = queue.claim(services.database, release_id, "worker", f"token {release_id}")
    assert lease
    with services.database.writing() as db:
        queue.write(db, lease, commit=asdict(COMMIT), artifact=ARTIFACT)
        queue.end(db, lease, state)
    return release_id


def requested(services: ServiceContext, who: Actor, wanted: ReleaseRequest) -> Release:
    release_id = releases.request(services, who, wanted)
    with services.database.reading() as db:
        return releases.get(db, release_id)


def test_a_release_again_names_the_build_of_the_first(
    services: ServiceContext, developer: Actor, built: int
) -> None:
    wanted = repetition.again(services, built)
    assert requested(services, developer, wanted).artifact == ARTIFACT
    anew = requested(services, developer, wanted.with_(build_anew=True))
    assert (anew.artifact, anew.build_anew) == (None, True)


def test_a_release_that_failed_is_built_with_the_present_settings(
    services: ServiceContext, developer: Actor, built: int
) -> None:
    wanted = repetition.again(services, built)
    failed = ended(services, releases.request(services, developer, wanted), State.FAILED)
    again = repetition.again(services, failed)
    assert requested(services, developer, again).artifact is None


@pytest.mark.parametrize(
    "change",
    [
        {"ref": "main"},
        {"ref": "b" * 40},
        # The caches of a branch belong to its builds: one is not published as another branch's.
        {"ref_name": "main"},
        {"environment": Environment.DEVELOPMENT},
        {"app": "twin"},
        {"same_build_as": 4711},
    ],
)
def test_a_build_of_something_else_is_not_taken(
    services: ServiceContext, developer: Actor, built: int, change: dict[str, object]
) -> None:
    wanted = repetition.again(services, built).with_(**change)
    assert requested(services, developer, wanted).artifact is None


def test_another_node_builds_again(services: ServiceContext, developer: Actor, built: int) -> None:
    wanted = repetition.again_with_node(services, developer, built, "16")
    assert requested(services, developer, wanted).artifact is None
