"""The forms beside the plain ones: several apps at once, suggestions, sharing, pictures."""

import io
import re
from dataclasses import asdict, replace
from html import unescape

import pytest
from PIL import Image

from databases import KINDS
from guests import World, has_twin
from mprelease.domain.releases import Commit, Kind, Release, Sizes, State
from mprelease.domain.users import Actor, Role
from mprelease.schemas.releases import ReleaseRequest
from mprelease.security.vault import Vault
from mprelease.services import releases
from mprelease.storage import lists, queue
from mprelease.storage import releases as stored
from mprelease.storage.lists import Search

CHANGES = "/apps/shop/changes?ref=main"
COMMIT = Commit("a" * 40, "林", "Begin", 0)
IMAGE = b"\x89PNG an image"


def newest(world: World, count: int) -> list[Release]:
    with world.services.database.reading() as db:
        return lists.search(db, Search(limit=count))


def with_code(world: World) -> None:
    with world.services.database.writing() as db:
        stored.put_qr_code(db, world.first, IMAGE, "image/png", world.services.now())


def address_in(page: str) -> str:
    found = re.search(r'href="http://testserver(/s/[\w-]+)"', page)
    assert found
    return found[1]


def test_a_shared_code_is_seen_without_a_login_until_it_is_withdrawn(world: World) -> None:
    with_code(world)
    member, stranger = world.session_of(Role.MEMBER), world.stranger().client
    address = address_in(member.send(f"/releases/{world.first}/share"))
    page = stranger.get(address)
    assert "shop" in page.text
    assert page.headers["x-robots-tag"].startswith("noindex")
    assert stranger.get(f"{address}/qr-code").content == IMAGE
    assert stranger.get(f"/releases/{world.first}/qr-code", follow_redirects=False).is_redirect
    member.send(f"/releases/{world.first}/withdraw")
    assert [stranger.get(f"{address}{end}").status_code for end in ("", "/qr-code")] == [404, 404]


@pytest.mark.parametrize("kind", KINDS)
def test_several_apps_are_released_by_one_form_or_none(world: World, upload_key: str) -> None:
    has_twin(world, upload_key)
    member = world.session_of(Role.MEMBER)
    assert member.client.get("/projects/web/release").text.count("checked") == 3
    form = {"kind": "upload", "ref": "main", "description": "一起"}
    member.client.post(
        "/projects/web/release", data={"csrf": member.csrf, "apps": ["shop", "twin"], **form}
    )
    made = newest(world, 2)
    assert {one.app_name for one in made} == {"shop", "twin"}
    assert len({one.version for one in made}) == 1
    refused = member.send("/projects/web/release", **form, apps="twin", version="1 2")
    assert 'role="alert"' in refused
    assert "一起" in refused
    assert len(newest(world, 9)) == 3


@pytest.mark.parametrize("kind", ["sqlite"])
def test_the_form_of_an_upload_suggests_version_and_description(world: World) -> None:
    member = world.session_of(Role.MEMBER)
    form = member.client.get("/apps/shop/upload").text
    suggested = re.findall(r'name="(?:version|suggested)"[^>]* value="([\d.]+)"', form)
    assert len(set(suggested)) == 1
    # Somebody else is given that number meanwhile.
    releases.request(world.services, Actor("林"), ReleaseRequest(app="shop", kind=Kind.UPLOAD))
    member.send("/apps/shop/upload", ref="main", version=suggested[0], suggested=suggested[0])
    made = newest(world, 2)
    assert [one.version for one in made][1] == suggested[0]
    assert made[0].version != suggested[0]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_description_is_what_is_new_since_the_last_upload(world: World) -> None:
    member = world.session_of(Role.MEMBER).client

    def suggestion() -> str:
        found = re.search(r"<textarea[^>]*>(.*?)</textarea>", member.get(CHANGES).text, re.DOTALL)
        assert found
        return unescape(found[1])

    assert suggestion() == "修复支付"
    uploaded(world, COMMIT)
    assert suggestion() == "修复支付\n</textarea><b>"
    uploaded(world, Commit("c" * 40, "林", "修复支付", 0))
    assert suggestion() == ""


def uploaded(world: World, commit: Commit) -> None:
    made = releases.request(
        world.services, Actor("林"), ReleaseRequest(app="shop", kind=Kind.UPLOAD)
    )
    ended(world, made, commit)


def ended(world: World, number: int, commit: Commit, sizes: Sizes | None = None) -> None:
    lease = queue.claim(world.services.database, number, "worker", f"token {number}")
    assert lease
    with world.services.database.writing() as db:
        queue.write(db, lease, commit=asdict(commit), sizes=asdict(sizes) if sizes else None)
        queue.end(db, lease, State.SUCCEEDED)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_sizes_stand_beside_the_limits_of_the_platform(world: World) -> None:
    ended(world, world.first, COMMIT, Sizes(3 * 2**20, 2**20, {"/extra/": 2 * 2**20}))
    page = world.session_of(Role.VIEWER).client.get(f"/releases/{world.first}").text
    for size in ("3.00 MB / 20.00 MB", "1.00 MB / 2.00 MB", "2.00 MB / 2.00 MB"):
        assert size in page


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_credential_shows_its_fingerprint_and_never_itself(world: World, upload_key: str) -> None:
    boss = world.session_of(Role.SUPER_ADMIN)
    page = boss.client.get("/apps/shop/settings").text
    fingerprint = re.search(r"<code>([0-9a-f]{16})</code>", page)
    assert fingerprint
    assert upload_key.splitlines()[1] not in page
    checked = boss.send("/apps/shop/check")
    assert "203.0.113.9" in checked


@pytest.mark.parametrize("kind", ["sqlite"])
def test_with_another_master_key_a_credential_can_still_be_set_anew(
    world: World, upload_key: str
) -> None:
    changed = replace(world.services, vault=Vault(b"another key of 32 bytes, of a new"[:32]))
    world.app.state.context = replace(world.app.state.context, services=changed)
    boss = world.session_of(Role.SUPER_ADMIN)
    page = boss.client.get("/apps/shop/settings")
    assert page.status_code == 200
    assert "MPRELEASE_MASTER_KEY" in page.text
    form = {"name": "shop", "platform_app_id": "wx0123456789abcdef", "key": upload_key}
    assert "<code>" in boss.send("/apps/shop/settings", **form)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_seen_by_those_who_are_in_and_can_be_taken_back(world: World) -> None:
    viewer = world.session_of(Role.VIEWER)
    stream = io.BytesIO()
    Image.new("RGB", (300, 200), "teal").save(stream, "JPEG")
    sent = {"picture": ("me.jpg", stream.getvalue(), "image/jpeg")}
    page = viewer.client.post("/profile/avatar", data={"csrf": viewer.csrf}, files=sent).text
    found = re.search(r'src="(/users/\d+/avatar\?at=\d+)"', page)
    assert found
    answer = viewer.client.get(found[1])
    assert (answer.headers["content-type"], answer.content[:4]) == ("image/png", b"\x89PNG")
    assert world.stranger().client.get(found[1], follow_redirects=False).status_code == 303
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
    world: World, address: str
) -> None:
    boss = world.session_of(Role.SUPER_ADMIN)
    # A value that no field takes.
    sent = {"robot": "none", "role": "none", "kind": "none", "name": "?!", "scene": "none"}
    answer = boss.client.post(address, data={"csrf": boss.csrf, **sent})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text or "alert-danger" in answer.text


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_blank_secret_leaves_the_one_that_is_there(world: World, blank: str) -> None:
    boss = world.session_of(Role.SUPER_ADMIN)
    project = {"name": "web", "repository": "/srv/web.git", "default_branch": "main"}
    boss.send("/projects/web", **project, npmrc="//registry/:_authToken=0123456789")
    boss.send("/projects/web", **project, npmrc=blank)
    assert "npmrc ✓" in boss.client.get("/projects/web").text
    boss.send("/projects/web", **project, forget="npmrc")
    assert "npmrc ✓" not in boss.client.get("/projects/web").text
