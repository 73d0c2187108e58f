"""The last step that an upload has missed: who may have it, and what is kept of it."""

import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Message, Problem
from mprelease.domain.releases import Kind, Publication, State
from mprelease.domain.users import Actor
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, finishing, projects, releases
from mprelease.services.context import ServiceContext
from mprelease.storage import audit, queue
from mprelease.storage import releases as stored

MISSED = Message("hint.alipay_not_experience", {"version": "26.1122.0", "detail": "没有权限"})
OTHER = Message("warning.not_reproducible")
APP = AppChange(name="shop", platform_app_id="2021000000000001")


@pytest.fixture(autouse=True)
def shop(services: ServiceContext, developer: Actor) -> None:
    projects.add(services, developer, ProjectChange(name="web", repository="/srv/web.git"))
    apps.add(services, developer, "web", Platform.ALIPAY, APP)


def ended(services: ServiceContext, who: Actor, kind: Kind, state: State) -> int:
    """A release that has ended, with two warnings."""
    release_id = releases.request(services, who, ReleaseRequest(app="shop", kind=kind))
    lease = queue.claim(services.database, release_id, "worker", "token")
    assert lease
    with services.database.writing() as db:
        for warning in (OTHER, MISSED):
            queue.warn(db, lease, warning)
        queue.end(db, lease, state)
    return release_id


def test_the_qr_code_takes_the_place_of_the_warning_and_the_action_is_recorded(
    services: ServiceContext, developer: Actor
) -> None:
    release_id = ended(services, developer, Kind.UPLOAD, State.SUCCEEDED)
    for _ in range(2):
        finishing.finish(services, Actor("王"), release_id, Publication(b"image", "image/png"))
        with services.database.reading() as db:
            assert releases.get(db, release_id).warnings == (OTHER,)
            assert stored.qr_code(db, release_id) == (b"image", "image/png")
            last = audit.every(db)[-1]
        assert (last.who, last.action, last.subject) == ("王", "release.finish", str(release_id))


def test_a_missing_image_is_told_and_a_later_one_takes_the_warning_away(
    services: ServiceContext, developer: Actor
) -> None:
    release_id = ended(services, developer, Kind.UPLOAD, State.SUCCEEDED)
    warnings = []
    for image in (None, b"image"):
        finishing.finish(services, developer, release_id, Publication(image))
        with services.database.reading() as db:
            warnings.append([one.id for one in releases.get(db, release_id).warnings])
    assert warnings == [[OTHER.id, "warning.finished_without_qr_code"], [OTHER.id]]


@pytest.mark.parametrize(
    ("what", "state"), [(Kind.PREVIEW, State.SUCCEEDED), (Kind.UPLOAD, State.FAILED)]
)
def test_only_an_upload_that_has_succeeded_can_be_finished(
    what: Kind, state: State, services: ServiceContext, developer: Actor
) -> None:
    release_id = ended(services, developer, what, state)
    with pytest.raises(Refused) as refused:
        finishing.finish(services, developer, release_id, Publication(b"image"))
    assert refused.value.problem_detail.problem is Problem.RELEASE_NOT_UPLOADED
    with services.database.reading() as db:
        assert MISSED in releases.get(db, release_id).warnings


def test_a_release_of_a_removed_app_is_not_finished_with_the_key_of_its_successor(
    services: ServiceContext, developer: Actor
) -> None:
    release_id = ended(services, developer, Kind.UPLOAD, State.SUCCEEDED)
    apps.remove(services, developer, "shop")
    apps.add(services, developer, "web", Platform.ALIPAY, APP)
    with pytest.raises(Refused) as refused, services.database.reading() as db:
        finishing.upload(db, release_id)
    assert refused.value.problem_detail.problem is Problem.APP_UNKNOWN


def test_a_release_that_is_unknown_is_refused(services: ServiceContext) -> None:
    with pytest.raises(Refused) as refused, services.database.reading() as db:
        finishing.upload(db, 77)
    assert refused.value.problem_detail.problem is Problem.RELEASE_UNKNOWN
