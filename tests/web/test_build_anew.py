"""*Build anew* in forms, on a release's page and in the API."""

from dataclasses import asdict

import pytest

from api_clients import api_client
from mprelease.domain.releases import Commit, Kind, Release, State
from mprelease.domain.users import Actor, Role
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import releases
from mprelease.storage import lists, queue
from mprelease.storage.lists import Search
from web_clients import Site

pytestmark = pytest.mark.parametrize("kind", ["sqlite"])
COMMIT = Commit("a" * 40, "林", "Begin", 0)


def built(site: Site, kind: Kind = Kind.PREVIEW) -> int:
    """End a release whose build is stored."""
    wanted = ReleaseRequest(app="shop", kind=kind)
    number = releases.request(site.services, Actor("admin"), wanted)
    lease = queue.claim(site.services.database, number, "worker", f"token {number}")
    assert lease
    with site.services.database.writing() as db:
        queue.write(db, lease, commit=asdict(COMMIT), artifact="f" * 40 + "-" + "e" * 12)
        queue.end(db, lease, State.SUCCEEDED)
    return number


def newest(site: Site) -> Release:
    with site.services.database.reading() as db:
        return lists.search(db, Search(limit=1))[0]


@pytest.mark.parametrize("address", ["/apps/shop/preview", "/apps/shop/upload"])
def test_a_ticked_box_of_the_form_builds_anew(site: Site, address: str) -> None:
    member = site.logged_in(Role.MEMBER)
    assert "重新构建" in member.client.get(address).text
    member.send(address, ref="main", key="one", build_anew="true")
    assert newest(site).build_anew
    member.send(address, ref="main", key="other")
    assert not newest(site).build_anew


def test_a_box_stays_ticked_when_the_form_comes_back(site: Site) -> None:
    page = site.logged_in(Role.MEMBER).send(
        "/apps/shop/preview", ref="main", scene="x", build_anew="true"
    )
    assert 'name="build_anew" value="true" checked' in page


def test_the_page_of_a_release_builds_anew_or_publishes_what_was_built(site: Site) -> None:
    number = built(site)
    member = site.logged_in(Role.MEMBER)
    member.send(f"/releases/{number}/again")
    assert newest(site).artifact
    member.send(f"/releases/{number}/again", build_anew="true")
    assert newest(site).build_anew
    assert newest(site).artifact is None


def test_an_upload_is_built_anew_only_after_a_question(site: Site) -> None:
    number = built(site, Kind.UPLOAD)
    page = site.logged_in(Role.MEMBER).client.get(f"/releases/{number}").text
    button = page.index('name="build_anew" value="true"')
    assert "ask-panel" in page[page.rindex("<form", 0, button) : button]


def test_nobody_can_name_a_stored_build(site: Site) -> None:
    """A field of the row, and none of a form or of the API."""
    name = "d" * 40 + "-" + "c" * 12
    member = site.logged_in(Role.MEMBER)
    member.send("/apps/shop/preview", ref="main", key="one", artifact=name)
    assert newest(site).artifact is None
    client = api_client(site, Role.MEMBER)
    body = {"app": "shop", "kind": "preview", "artifact": name}
    client.call("POST", "/releases", 422, json=body)


def test_the_api_takes_it_for_new_releases_and_for_repeated_ones(site: Site) -> None:
    client = api_client(site, Role.MEMBER)
    body = {"app": "shop", "kind": "preview", "build_anew": True}
    client.call("POST", "/releases", 201, json=body)
    assert newest(site).build_anew
    number = built(site)
    again = f"/releases/{number}/again"
    client.call("POST", again, 201, json={"build_anew": True})
    assert newest(site).build_anew
    client.call("POST", again, 201)
    assert newest(site).artifact
