"""The forms beside the plain ones: several apps at once, suggestions, sharing, pictures."""

import io
import re
from dataclasses import asdict, replace
from html import unescape

import pytest
from PIL import Image

from databases import KINDS
from mprelease.domain.releases import Commit, Kind, Release, Sizes, State
from mprelease.domain.users import Actor, Role
from mprelease.schemas.releases import ReleaseRequest
from mprelease.security.vault import Vault
from mprelease.services import releases
from mprelease.storage import lists, queue
from mprelease.storage import releases as stored
from mprelease.storage.lists import Search
from web_clients import Site, has_twin

CHANGES = "/apps/shop/changes?ref=main"
COMMIT = Commit("a" * 40, "林", "Begin", 0)
IMAGE = b"\x89PNG an image"


def newest(site: Site, count: int) -> list[Release]:
    with site.services.database.reading() as db:
        return lists.search(db, Search(limit=count))


def with_code(site: Site) -> None:
    with site.services.database.writing() as db:
        stored.put_qr_code(db, site.first, IMAGE, "image/png", site.services.now())


def address_in(page: str) -> str:
    found = re.search(r'href="http://testserver(/s/[\w-]+)"', page)
    assert found
    return found[1]


def test_a_shared_code_is_seen_without_a_login_until_it_is_withdrawn(site: Site) -> None:
    with_code(site)
    member, anonymous = site.logged_in(Role.MEMBER), site.anonymous().client
    address = address_in(member.send(f"/releases/{site.first}/share"))
    page = anonymous.get(address)
    assert "shop" in page.text
    assert page.headers["x-robots-tag"].startswith("noindex")
    assert anonymous.get(f"{address}/qr-code").content == IMAGE
    assert anonymous.get(f"/releases/{site.first}/qr-code", follow_redirects=False).is_redirect
    member.send(f"/releases/{site.first}/withdraw")
    assert [anonymous.get(f"{address}{end}").status_code for end in ("", "/qr-code")] == [404, 404]


@pytest.mark.parametrize("kind", KINDS)
def test_several_apps_are_released_by_one_form_or_none(site: Site, upload_key: str) -> None:
    has_twin(site, upload_key)
    member = site.logged_in(Role.MEMBER)
    assert member.client.get("/projects/web/release").text.count("checked") == 4
    form = {"kind": "upload", "ref": "main", "description": "一起"}
    member.client.post(
        "/projects/web/release", data={"csrf": member.csrf, "apps": ["shop", "twin"], **form}
    )
    made = newest(site, 2)
    assert {one.app_name for one in made} == {"shop", "twin"}
    assert len({one.version for one in made}) == 1
    refused = member.send("/projects/web/release", **form, apps="twin", version="1 2")
    assert 'role="alert"' in refused
    assert "一起" in refused
    assert len(newest(site, 9)) == 3


@pytest.mark.parametrize("kind", ["sqlite"])
def test_the_form_of_an_upload_suggests_version_and_description(site: Site) -> None:
    member = site.logged_in(Role.MEMBER)
    form = member.client.get("/apps/shop/upload").text
    suggested = re.findall(r'name="(?:version|suggested)"[^>]* value="([\d.]+)"', form)
    assert len(set(suggested)) == 1
    # Somebody else is given that number meanwhile.
    releases.request(site.services, Actor("林"), ReleaseRequest(app="shop", kind=Kind.UPLOAD))
    member.send("/apps/shop/upload", ref="main", version=suggested[0], suggested=suggested[0])
    made = newest(site, 2)
    assert [one.version for one in made][1] == suggested[0]
    assert made[0].version != suggested[0]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_description_is_what_is_new_since_the_last_upload(site: Site) -> None:
    member = site.logged_in(Role.MEMBER).client

    def suggestion() -> str:
        found = re.search(r"<textarea[^>]*>(.*?)</textarea>", member.get(CHANGES).text, re.DOTALL)
        assert found
        return unescape(found[1])

    assert suggestion() == "修复支付"
    uploaded(site, COMMIT)
    assert suggestion() == "修复支付\n</textarea><b>"
    uploaded(site, Commit("c" * 40, "林", "修复支付", 0))
    assert suggestion() == ""


def uploaded(site: Site, commit: Commit) -> None:
    made = releases.request(
        site.services, Actor("林"), ReleaseRequest(app="shop", kind=Kind.UPLOAD)
    )
    ended(site, made, commit)


def ended(site: Site, number: int, commit: Commit, sizes: Sizes | None = None) -> None:
    lease = queue.claim(site.services.database, number, "worker", f"token {number}")
    assert lease
    with site.services.database.writing() as db:
        queue.write(db, lease, commit=asdict(commit), sizes=asdict(sizes) if sizes else None)
        queue.end(db, lease, State.SUCCEEDED)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_sizes_stand_beside_the_limits_of_the_platform(site: Site) -> None:
    ended(site, site.first, COMMIT, Sizes(3 * 2**20, 2**20, {"/extra/": 2 * 2**20}))
    page = site.logged_in(Role.VIEWER).client.get(f"/releases/{site.first}").text
    for size in ("3.00 MB / 20.00 MB", "1.00 MB / 2.00 MB", "2.00 MB / 2.00 MB"):
        assert size in page


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_credential_shows_its_fingerprint_and_never_itself(site: Site, upload_key: str) -> None:
    boss = site.logged_in(Role.SUPER_ADMIN)
    page = boss.client.get("/apps/shop/settings").text
    fingerprint = re.search(r"<code>([0-9a-f]{16})</code>", page)
    assert fingerprint
    assert upload_key.splitlines()[1] not in page
    checked = boss.send("/apps/shop/check")
    assert "203.0.113.9" in checked


@pytest.mark.parametrize("kind", ["sqlite"])
def test_with_another_master_key_a_credential_can_still_be_set_anew(
    site: Site, upload_key: str
) -> None:
    changed = replace(site.services, vault=Vault(b"another key of 32 bytes, of a new"[:32]))
    site.app.state.context = replace(site.app.state.context, services=changed)
    boss = site.logged_in(Role.SUPER_ADMIN)
    page = boss.client.get("/apps/shop/settings")
    assert page.status_code == 200
    assert "MPRELEASE_MASTER_KEY" in page.text
    form = {"name": "shop", "platform_app_id": "wx0123456789abcdef", "key": upload_key}
    assert "<code>" in boss.send("/apps/shop/settings", **form)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_seen_by_those_who_are_in_and_can_be_taken_back(site: Site) -> None:
    viewer = site.logged_in(Role.VIEWER)
    stream = io.BytesIO()
    Image.new("RGB", (300, 200), "teal").save(stream, "JPEG")
    sent = {"picture": ("me.jpg", stream.getvalue(), "image/jpeg")}
    page = viewer.client.post("/profile/avatar", data={"csrf": viewer.csrf}, files=sent).text
    found = re.search(r'src="(/users/\d+/avatar\?at=\d+)"', page)
    assert found
    answer = viewer.client.get(found[1])
    assert (answer.headers["content-type"], answer.content[:4]) == ("image/png", b"\x89PNG")
    assert site.anonymous().client.get(found[1], follow_redirects=False).status_code == 303
    bad = {"picture": ("x.svg", b"<svg onload='x'/>", "image/svg+xml")}
    refused = viewer.client.post("/profile/avatar", data={"csrf": viewer.csrf}, files=bad)
    assert refused.status_code == 422
    assert "/avatar?at=" not in viewer.send("/profile/avatar", remove="true")


@pytest.mark.parametrize(
    "address",
    [
        "/profile",
        "/users",
        "/projects",
        "/projects/web",
        "/projects/web/new-app",
        "/projects/web/release",
        "/apps/shop/settings",
        "/apps/shop/preview",
        "/apps/shop/upload",
    ],
)
def test_a_form_without_its_fields_is_answered_with_the_form_or_a_sentence(
    site: Site, address: str
) -> None:
    boss = site.logged_in(Role.SUPER_ADMIN)
    # A value that no field takes.
    sent = {"robot": "none", "role": "none", "kind": "none", "name": "?!", "scene": "none"}
    answer = boss.client.post(address, data={"csrf": boss.csrf, **sent})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text or "alert-danger" in answer.text


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_blank_secret_leaves_the_one_that_is_there(site: Site, blank: str) -> None:
    boss = site.logged_in(Role.SUPER_ADMIN)
    project = {"name": "web", "repository": "/srv/web.git", "default_branch": "main"}
    boss.send("/projects/web", **project, npmrc="//registry/:_authToken=0123456789")
    boss.send("/projects/web", **project, npmrc=blank)
    assert "npmrc ✓" in boss.client.get("/projects/web").text
    boss.send("/projects/web", **project, forget="npmrc")
    assert "npmrc ✓" not in boss.client.get("/projects/web").text
