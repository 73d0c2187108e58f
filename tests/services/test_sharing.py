"""A QR code is shared by a key, once, until the key is withdrawn."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.people import Actor
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, ReleaseRequest
from mprelease.services import apps, projects, releases, sharing
from mprelease.services.house import House
from mprelease.storage import releases as stored


@pytest.fixture
def preview(house: House, developer: Actor, upload_key: str) -> int:
    projects.add(house, developer, projects.ProjectChange("web", "/srv/web.git"))
    new = apps.AppChange("shop", "wx0123456789abcdef", credential=upload_key.encode())
    apps.add(house, developer, "web", Platform.WECHAT, new)
    return releases.request(house, developer, ReleaseRequest("shop", Kind.PREVIEW))


@pytest.fixture
def shown(house: House, preview: int) -> int:
    with house.database.writing() as db:
        stored.put_qr_code(db, preview, b"an image", "image/png", house.now())
    return preview


def refusal(house: House, key: str) -> Problem:
    with house.database.reading() as db, pytest.raises(Refused) as refused:
        sharing.shared(db, key)
    return refused.value.trouble.problem


def test_the_key_leads_to_the_release_until_it_is_withdrawn(
    house: House, developer: Actor, shown: int
) -> None:
    key = sharing.share(house, developer, shown)
    assert len(key) >= 40
    with house.database.reading() as db:
        assert sharing.shared(db, key).id == shown
    sharing.withdraw(house, developer, shown)
    assert refusal(house, key) is Problem.PAGE_UNKNOWN
    assert sharing.share(house, developer, shown) != key


def test_several_who_share_it_at_once_get_one_key(
    house: House, developer: Actor, shown: int
) -> None:
    with ThreadPoolExecutor(6) as pool:
        keys = list(pool.map(lambda _: sharing.share(house, developer, shown), range(6)))
    assert len(set(keys)) == 1


def test_what_has_no_qr_code_is_not_shared(house: House, developer: Actor, preview: int) -> None:
    with pytest.raises(Refused) as refused:
        sharing.share(house, developer, preview)
    assert refused.value.trouble.problem is Problem.NO_QR_CODE


def test_a_deleted_release_is_shared_no_more(house: House, developer: Actor, shown: int) -> None:
    key = sharing.share(house, developer, shown)
    releases.cancel(house, developer, shown)
    releases.delete(house, developer, [shown])
    assert refusal(house, key) is Problem.PAGE_UNKNOWN
