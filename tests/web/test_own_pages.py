"""Issue 12, number 9: pages say of a release what is its own."""

import re
from dataclasses import asdict
from html import unescape

import pytest

from api_clients import api_client
from mprelease.domain.releases import Commit, Kind, Release, State
from mprelease.domain.users import Actor, Role
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import releases
from mprelease.storage import lists, queue
from mprelease.storage import releases as stored
from mprelease.storage.lists import Search
from web_clients import BrowserClient, Site

BOSS = Actor("admin")
COMMIT = Commit("a" * 40, "林", "Begin", 0)
UPLOAD = ReleaseRequest(app="shop", kind=Kind.UPLOAD, ref="feature/pay")

pytestmark = pytest.mark.parametrize("kind", ["sqlite"])


def ended(site: Site, number: int, state: State, *, code: bool = False) -> None:
    lease = queue.claim(site.services.database, number, "worker", f"token {number}")
    assert lease
    with site.services.database.writing() as db:
        queue.write(db, lease, commit=asdict(COMMIT))
        if code:
            stored.put_qr_code(db, number, b"an image", "image/png", site.services.now())
        queue.end(db, lease, state)


def newest(site: Site) -> Release:
    with site.services.database.reading() as db:
        return lists.search(db, Search(limit=1))[0]


def upload_link(page: str) -> tuple[str, str]:
    found = re.search(r'<a class="([^"]*)" href="(/apps/shop/upload[^"]+)"', page)
    assert found
    return found[1], unescape(found[2])


def sent_back(logged_in: BrowserClient, address: str, **typed: str) -> str:
    page = logged_in.client.get(address).text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    ref = re.search(r'name="ref" type="text" value="([^"]*)"', page)
    assert ref
    form = {"environment": "production", "ref": ref[1], "description": "x", **hidden, **typed}
    return str(logged_in.client.post(address.partition("?")[0], data=form).text)


def test_the_upload_of_a_previews_commit_keeps_its_branch(site: Site) -> None:
    ended(site, site.first, State.SUCCEEDED)
    member = site.logged_in(Role.MEMBER)
    style, address = upload_link(member.client.get(f"/releases/{site.first}").text)
    assert "btn-outline-primary" in style
    page = sent_back(member, address)
    assert (newest(site).ref, newest(site).shown_ref) == (COMMIT.id, "main")
    assert COMMIT.id not in page
    assert "main" in page


def test_whoever_types_another_ref_means_that_one(site: Site) -> None:
    ended(site, site.first, State.SUCCEEDED)
    member = site.logged_in(Role.MEMBER)
    _, address = upload_link(member.client.get(f"/releases/{site.first}").text)
    sent_back(member, address, ref="hotfix", forced_ref="hotfix")
    assert (newest(site).ref, newest(site).ref_name) == ("hotfix", None)


def test_after_a_failed_preview_its_upload_is_not_proposed(site: Site) -> None:
    ended(site, site.first, State.FAILED)
    member = site.logged_in(Role.MEMBER)
    assert "上传此提交" not in member.client.get(f"/releases/{site.first}").text


def test_the_next_form_proposes_the_branch_and_not_the_commit(site: Site) -> None:
    pinned = UPLOAD.with_(ref=COMMIT.id, ref_name="feature/pay")
    releases.request(site.services, Actor("a-member"), pinned)
    page = site.logged_in(Role.MEMBER).client.get("/apps/shop/upload").text
    assert 'value="feature/pay"' in page
    assert COMMIT.id not in page


def test_an_older_upload_does_not_show_the_code_of_the_app_id_as_its_own(site: Site) -> None:
    first, second = (releases.request(site.services, BOSS, UPLOAD) for _ in range(2))
    for each in (site.first, first, second):
        ended(site, each, State.SUCCEEDED, code=True)
    viewer = site.logged_in(Role.VIEWER).client
    cards = viewer.get("/apps/shop").text
    assert set(map(int, re.findall(r'data-code="(\d+)"', cards))) == {site.first, second}
    older, newer = (viewer.get(f"/releases/{each}").text for each in (first, second))
    assert "/qr-code" not in older
    with site.services.database.reading() as db:
        version = stored.by_id(db, second).version
    for page in (cards, older):
        assert f'已被 <a href="/releases/{second}">{version}</a> 取代' in page
    assert "mp.weixin.qq.com" in newer


def test_the_code_of_the_app_id_is_at_another_robots_newest_upload(site: Site) -> None:
    first = releases.request(site.services, BOSS, UPLOAD)
    second = releases.request(site.services, BOSS, UPLOAD.with_(robot=2))
    for each in (first, second):
        ended(site, each, State.SUCCEEDED, code=True)
    page = site.logged_in(Role.VIEWER).client.get(f"/releases/{first}").text
    assert "/qr-code" not in page
    assert "已被" not in page, "the platform still has the version of the first robot"
    assert f'体验版入口码在 <a href="/releases/{second}">' in page


def test_a_program_sees_both_the_commit_and_its_branch(site: Site) -> None:
    ended(site, site.first, State.SUCCEEDED)
    member = api_client(site, Role.MEMBER)
    made = member.call("POST", f"/releases/{site.first}/again", 201)
    assert (made["ref"], made["ref_name"]) == (COMMIT.id, "main")
