"""A QR code is shared by a key, once, until the key is withdrawn."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind
from mprelease.domain.users import Actor
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, projects, releases, shares
from mprelease.services.context import ServiceContext
from mprelease.storage import releases as stored


@pytest.fixture
def preview(services: ServiceContext, developer: Actor, upload_key: str) -> int:
    projects.add(services, developer, ProjectChange(name="web", repository="/srv/web.git"))
    new = AppChange(
        name="shop", platform_app_id="wx0123456789abcdef", credential=upload_key.encode()
    )
    apps.add(services, developer, "web", Platform.WECHAT, new)
    return releases.request(services, developer, ReleaseRequest(app="shop", kind=Kind.PREVIEW))


@pytest.fixture
def shown(services: ServiceContext, preview: int) -> int:
    with services.database.writing() as db:
        stored.put_qr_code(db, preview, b"an image", "image/png", services.now())
    return preview


def refusal(services: ServiceContext, key: str) -> Problem:
    with services.database.reading() as db, pytest.raises(Refused) as refused:
        shares.shared(db, key)
    return refused.value.problem_detail.problem


def test_the_key_leads_to_the_release_until_it_is_withdrawn(
    services: ServiceContext, developer: Actor, shown: int
) -> None:
    key = shares.share(services, developer, shown)
    assert len(key) >= 40
    with services.database.reading() as db:
        assert shares.shared(db, key).id == shown
    shares.withdraw(services, developer, shown)
    assert refusal(services, key) is Problem.PAGE_UNKNOWN
    assert shares.share(services, developer, shown) != key


def test_several_who_share_it_at_once_get_one_key(
    services: ServiceContext, developer: Actor, shown: int
) -> None:
    with ThreadPoolExecutor(6) as pool:
        keys = list(pool.map(lambda _: shares.share(services, developer, shown), range(6)))
    assert len(set(keys)) == 1


def test_what_has_no_qr_code_is_not_shared(
    services: ServiceContext, developer: Actor, preview: int
) -> None:
    with pytest.raises(Refused) as refused:
        shares.share(services, developer, preview)
    assert refused.value.problem_detail.problem is Problem.NO_QR_CODE


def test_a_deleted_release_is_shared_no_more(
    services: ServiceContext, developer: Actor, shown: int
) -> None:
    key = shares.share(services, developer, shown)
    releases.cancel(services, developer, shown)
    releases.delete(services, developer, [shown])
    assert refusal(services, key) is Problem.PAGE_UNKNOWN
