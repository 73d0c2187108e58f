"""Pages show until when a QR code can be scanned, and no code by mistake."""

import re

import pytest

from mprelease.domain.codes import UNKNOWN, UNLIMITED, Lifetime, lasting
from mprelease.domain.releases import Kind
from mprelease.domain.users import Actor, Role
from mprelease.schemas.apps import AppChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, releases, shares
from mprelease.storage import releases as stored
from releases_on_pages import ended_with_code
from web_clients import NAMES, Site

pytestmark = pytest.mark.parametrize("kind", ["sqlite"])
BOSS = Actor("admin")
MINUTE = 60_000
PLACES = ("/", "/apps/shop", "/releases/{id}", "/releases/{id}/code")


def page(site: Site, address: str, role: Role = Role.MEMBER) -> str:
    return site.logged_in(role).client.get(address.format(id=site.first)).text


@pytest.mark.parametrize("address", PLACES)
def test_a_code_that_ends_shows_how_long_it_can_be_scanned_and_until_when(
    site: Site, address: str
) -> None:
    ended_with_code(site, site.first, lasting(minutes=25))
    text = page(site, address)
    assert re.search(r"还剩 (25:00|24:5\d)<", text)
    assert re.search(
        r'有效期至 <time datetime="[^"]+" title="[^"]+">(\d\d-\d\d )?\d\d:\d\d:\d\d<', text
    )
    assert 'stroke-dasharray="100 100"' in text
    assert 'class="code-ended' not in text
    assert " code-ended" not in text


@pytest.mark.parametrize("address", PLACES)
def test_an_ended_code_says_so_without_a_script(site: Site, address: str) -> None:
    ended_with_code(site, site.first, lasting(minutes=25), age=26 * MINUTE)
    text = page(site, address)
    assert " code-ended" in text
    assert "已过期" in text
    assert "还剩" not in text.replace('data-code-left="还剩 {time}"', "")


@pytest.mark.parametrize("address", PLACES)
@pytest.mark.parametrize(("lifetime", "words"), [(UNKNOWN, "有效期未知"), (UNLIMITED, "长期有效")])
def test_a_code_without_a_known_end_says_that(
    site: Site, address: str, lifetime: Lifetime, words: str
) -> None:
    ended_with_code(site, site.first, lifetime, age=10**10)
    text = page(site, address)
    assert words in text
    assert "data-expires" not in text
    assert " code-ended" not in text


@pytest.mark.parametrize("address", ["/", "/apps/shop"])
def test_lists_have_buttons_and_no_codes(site: Site, address: str) -> None:
    ended_with_code(site, site.first, lasting(minutes=25))
    text = page(site, address)
    assert f'href="/releases/{site.first}/code" data-code="{site.first}"' in text
    assert "/qr-code" not in text


def test_the_overlay_gets_the_code_without_the_page_around_it(site: Site) -> None:
    ended_with_code(site, site.first, lasting(minutes=25))
    client = site.logged_in(Role.VIEWER).client
    whole = client.get(f"/releases/{site.first}/code").text
    part = client.get(f"/releases/{site.first}/code", headers={"hx-request": "true"}).text
    assert whole.count(f'src="/releases/{site.first}/qr-code"') == 1
    assert "<html" in whole
    assert "<html" not in part
    for shown in ("shop", "main", "a" * 8, "保存", f'download="shop-{site.first}"'):
        assert shown in part
    assert "/share" not in part, "a viewer may not share"


def test_a_release_without_a_code_has_no_such_page(site: Site) -> None:
    client = site.logged_in(Role.VIEWER).client
    assert client.get(f"/releases/{site.first}/code").status_code == 404
    assert client.get("/releases/99/code").status_code == 404


@pytest.mark.parametrize(("role", "may"), [(Role.MEMBER, True), (Role.VIEWER, False)])
def test_an_ended_code_is_made_again_of_what_was_built(
    site: Site, role: Role, *, may: bool
) -> None:
    ended_with_code(site, site.first, lasting(minutes=25), age=26 * MINUTE)
    again = f'action="/releases/{site.first}/again"'
    browser = site.logged_in(role)
    panel = browser.client.get(f"/releases/{site.first}/code").text
    assert (again in panel) is may
    if not may:
        return
    browser.send(f"/releases/{site.first}/again")
    with site.services.database.reading() as db:
        newest = stored.newest(db, None, 1)[0]
    assert (newest.ref, newest.shown_ref) == ("a" * 40, "main")
    assert newest.artifact == "built"


def test_an_upload_is_not_repeated_without_a_question(site: Site) -> None:
    upload = releases.request(site.services, BOSS, ReleaseRequest(app="shop", kind=Kind.UPLOAD))
    ended_with_code(site, upload, lasting(minutes=25), age=26 * MINUTE)
    text = page(site, f"/releases/{upload}/code")
    assert "ask-panel" in text
    assert text.index("ask-panel") < text.index(f'action="/releases/{upload}/again"') or re.search(
        rf'action="/releases/{upload}/again" class="card ask-panel"', text
    )


def test_an_app_shows_its_trial_code_as_one(site: Site) -> None:
    assert "体验版入口码" not in page(site, "/apps/shop")
    upload = releases.request(site.services, BOSS, ReleaseRequest(app="shop", kind=Kind.UPLOAD))
    ended_with_code(site, upload, UNLIMITED)
    for address in ("/", "/apps/shop", f"/releases/{upload}"):
        assert "体验版入口码" in page(site, address)


def test_a_shared_page_shows_the_validity_and_what_to_do_after_the_end(site: Site) -> None:
    ended_with_code(site, site.first, lasting(minutes=25))
    key = shares.share(site.services, BOSS, site.first)
    stranger = site.anonymous().client
    headers = {"accept-language": "en"}
    assert "24:5" in stranger.get(f"/s/{key}").text or "25:00" in stranger.get(f"/s/{key}").text
    ended_with_code(site, site.first, lasting(minutes=25), age=26 * MINUTE, again=True)
    text = stranger.get(f"/s/{key}", headers=headers).text
    assert " code-ended" in text
    assert "admin can make a new one" in text
    assert "<form" not in text
    stranger.post(f"/s/{key}/renew")
    with site.services.database.reading() as db:
        assert len(stored.newest(db, None, 10)) == 1, "the app does not allow it"


def test_a_shared_code_is_renewed_once_if_its_app_allows_it(site: Site) -> None:
    apps.edit(site.services, BOSS, "shop", AppChange(renew_shared_codes=True))
    ended_with_code(site, site.first, lasting(minutes=25))
    key = shares.share(site.services, BOSS, site.first)
    stranger = site.anonymous().client
    stranger.post(f"/s/{key}/renew")
    with site.services.database.reading() as db:
        assert len(stored.newest(db, None, 10)) == 1, "the code is still valid"
    ended_with_code(site, site.first, lasting(minutes=25), age=26 * MINUTE, again=True)
    assert f'action="/s/{key}/renew"' in stranger.get(f"/s/{key}").text
    for _ in range(3):
        answer = stranger.post(f"/s/{key}/renew", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/s/{key}")
    with site.services.database.reading() as db:
        renewal, first = stored.newest(db, None, 10)
    assert (renewal.requested_by, renewal.ref, renewal.artifact) == ("admin", "a" * 40, "built")
    assert "正在重新生成" in stranger.get(f"/s/{key}").text
    ended_with_code(site, renewal.id, lasting(minutes=25))
    text = stranger.get(f"/s/{key}").text
    assert " code-ended" not in text
    assert stranger.get(f"/s/{key}/qr-code").content == f"code of {renewal.id}".encode()
    assert first.id == site.first
    assert stranger.post("/s/nothing/renew").status_code == 404


@pytest.mark.parametrize("name", ["a former colleague", NAMES[Role.VIEWER]])
def test_no_code_is_renewed_in_the_name_of_a_person_who_may_not_release(
    site: Site, name: str
) -> None:
    apps.edit(site.services, BOSS, "shop", AppChange(renew_shared_codes=True))
    wanted = ReleaseRequest(app="shop", kind=Kind.PREVIEW)
    release_id = releases.request(site.services, Actor(name), wanted)
    ended_with_code(site, release_id, lasting(minutes=25), age=26 * MINUTE)
    key = shares.share(site.services, BOSS, release_id)
    stranger = site.anonymous().client
    assert "<form" not in stranger.get(f"/s/{key}").text
    stranger.post(f"/s/{key}/renew")
    with site.services.database.reading() as db:
        assert stored.newest(db, None, 1)[0].id == release_id


def test_a_renewal_that_has_failed_is_not_tried_again_and_again(site: Site) -> None:
    apps.edit(site.services, BOSS, "shop", AppChange(renew_shared_codes=True))
    ended_with_code(site, site.first, lasting(minutes=25), age=26 * MINUTE)
    key = shares.share(site.services, BOSS, site.first)
    stranger = site.anonymous().client
    stranger.post(f"/s/{key}/renew")
    with site.services.database.reading() as db:
        renewal = stored.newest(db, None, 1)[0]
    releases.cancel(site.services, BOSS, renewal.id)
    stranger.post(f"/s/{key}/renew")
    with site.services.database.reading() as db:
        assert stored.newest(db, None, 1)[0].id == renewal.id
    text = stranger.get(f"/s/{key}").text
    assert "<form" not in text
    assert "请向 admin 要新的二维码" in text


def test_programs_get_the_validity(site: Site) -> None:
    ended_with_code(site, site.first, lasting(minutes=25))
    client = site.logged_in(Role.VIEWER).client
    shown = client.get(f"/api/v1/releases/{site.first}").json()
    assert shown["has_qr_code"]
    assert shown["code"]["validity"] == "limited"
    assert shown["code"]["expires_at"] > shown["code"]["made_at"]
    assert client.get("/api/v1/releases").json()["items"][0]["code"] == shown["code"]
