"""What people click through: forms keep what was typed, text stays text, lists go on."""

import re

import pytest

from databases import KINDS
from mprelease.domain.errors import Refused
from mprelease.domain.logs import LogLine, Position
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, Stage
from mprelease.domain.users import Actor, Role
from mprelease.schemas.apps import AppChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, releases, repetition, users
from mprelease.storage import logs
from mprelease.storage import releases as stored
from web_clients import NAMES, PASSWORD, Site, without_csrf

EVIL = '<script>alert("x")</script>'


@pytest.mark.parametrize("kind", KINDS)
def test_a_preview_is_asked_for_once_however_often_the_button_is_pressed(site: Site) -> None:
    member = site.logged_in(Role.MEMBER)
    form = {"ref": "main", "start_page": "pages/a", "query": "x=1", "key": "one-click"}
    first = member.send("/apps/shop/preview", **form)
    again = member.send("/apps/shop/preview", **form)
    assert without_csrf(again) == without_csrf(first)
    assert "pages/a?x=1" in first
    assert NAMES[Role.MEMBER] in first


@pytest.mark.parametrize("kind", ["sqlite"])
def test_what_cannot_be_used_comes_back_with_the_form_and_nothing_is_lost(site: Site) -> None:
    member = site.logged_in(Role.MEMBER)
    page = member.send("/apps/shop/upload", ref="main", robot="77", description="keep me")
    assert "keep me" in page
    assert "<option selected>77</option>" in page
    assert 'role="alert"' in page
    with site.services.database.reading() as db:
        assert len(stored.newest(db, None, 10)) == 1


@pytest.mark.parametrize("kind", ["sqlite"])
def test_text_that_tries_to_be_html_stays_text(site: Site) -> None:
    wanted = ReleaseRequest(app="shop", kind=Kind.PREVIEW, ref="a<b>", description=EVIL)
    made = releases.request(site.services, Actor(f"林{EVIL}"), wanted)
    with site.services.database.writing() as db:
        line = LogLine(Position(1, 1), 0, Stage.BUILD, f"\x1b[31m{EVIL}\x1b[0m")
        logs.append(db, made, [line])
    browser = site.logged_in(Role.SUPER_ADMIN)
    addresses = ("/", "/apps/shop", f"/releases/{made}", "/releases")
    for address in (*addresses, "/audit", "/apps/shop/refs", f"/apps/{EVIL}"):
        text = browser.client.get(address).text
        assert "<script>alert" not in text
        assert "<b>" not in text
    for address, media_type in (("lines", "application/json"), ("log.txt", "text/plain")):
        answer = browser.client.get(f"/releases/{made}/{address}")
        assert answer.headers["content-type"].startswith(media_type), "and never sniffed for HTML"


@pytest.mark.parametrize("kind", KINDS)
def test_more_releases_come_page_by_page_each_once(site: Site) -> None:
    for _ in range(30):
        releases.request(site.services, Actor("林"), ReleaseRequest(app="shop", kind=Kind.UPLOAD))
    browser = site.logged_in(Role.VIEWER).client
    seen: list[str] = []
    address = "/apps/shop"
    while address:
        text = browser.get(address, headers={"hx-request": "1"} if seen else {}).text
        seen += [part.split('"')[0] for part in text.split('id="release-')[1:]]
        rest = text.split('hx-get="/apps/shop?before=')
        address = f"/apps/shop?before={rest[1].split('&')[0]}" if len(rest) > 1 else ""
    assert seen == [str(number) for number in range(site.first + 30, site.first - 1, -1)]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_lists_are_narrowed_by_what_was_chosen(site: Site) -> None:
    releases.request(
        site.services, Actor("林"), ReleaseRequest(app="shop", kind=Kind.UPLOAD, ref="100%")
    )
    browser, boss = site.logged_in(Role.VIEWER).client, site.logged_in(Role.ADMIN).client
    for query, shown in (
        ("kind=upload", {"2"}),
        ("person=林", {"2"}),
        ("ref=%25", {"2"}),
        ("state=queued", {"1", "2"}),
        ("state=failed", set()),
        ("kind=nonsense", {"1", "2"}),
    ):
        text = browser.get(f"/apps/shop?{query}").text
        assert {part.split('"')[0] for part in text.split('id="release-')[1:]} == shown, query
        tasks = boss.get(f"/releases?app=shop&{query}").text
        assert set(re.findall(r'<a href="/releases/(\d+)"', tasks)) == shown, query


@pytest.mark.parametrize("kind", KINDS)
def test_deleting_takes_all_or_none_and_keeps_the_version_number(site: Site) -> None:
    boss = Actor("admin")
    first = releases.request(site.services, boss, ReleaseRequest(app="shop", kind=Kind.UPLOAD))
    releases.cancel(site.services, boss, first)
    browser = site.logged_in(Role.ADMIN)
    both = {"ids": [str(first), str(site.first)], "confirmed": "true"}
    refused = browser.client.post("/releases/delete", data={"csrf": browser.csrf, **both})
    assert refused.status_code == 409
    assert browser.client.get(f"/releases/{first}").status_code == 200
    browser.send("/releases/delete", ids=str(first), confirmed="true")
    assert browser.client.get(f"/releases/{first}").status_code == 404


@pytest.mark.parametrize("kind", ["sqlite"])
def test_whoever_administers_cannot_lock_the_site(site: Site) -> None:
    admin = site.logged_in(Role.ADMIN)
    with site.services.database.reading() as db:
        boss = users.by_name(db, "admin")
    for action in ("delete", "reset-password"):
        answer = admin.client.post(f"/users/{boss.id}/{action}", data={"csrf": admin.csrf})
        assert answer.status_code == 403
    form = {"csrf": admin.csrf, "name": "admin", "role": "viewer"}
    assert admin.client.post(f"/users/{boss.id}", data=form).status_code == 403
    assert site.anonymous().log_in("admin", PASSWORD) == 303


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize(
    ("languages", "word"), [("zh-CN,zh;q=0.9", "登录"), ("en-US", "Log in"), ("", "登录")]
)
def test_a_stranger_is_greeted_in_the_language_of_the_browser(
    site: Site, languages: str, word: str
) -> None:
    page = site.anonymous().client.get("/login", headers={"accept-language": languages})
    assert f">{word}<" in page.text


@pytest.mark.parametrize("kind", ["sqlite"])
def test_pages_may_run_nothing_but_our_own_files(site: Site) -> None:
    answer = site.anonymous().client.get("/login")
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "onclick" not in answer.text
    assert "style=" not in answer.text


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_list_that_is_narrowed_to_nobodys_app_is_empty(site: Site) -> None:
    boss = site.logged_in(Role.ADMIN).client
    assert 'name="ids"' in boss.get("/releases?app=shop").text
    assert 'name="ids"' not in boss.get("/releases?app=gone").text


@pytest.mark.parametrize("kind", ["sqlite"])
def test_again_never_means_another_app_of_the_same_name(site: Site, upload_key: str) -> None:
    boss = Actor("admin")
    releases.cancel(site.services, boss, site.first)
    apps.remove(site.services, boss, "shop")
    twin = AppChange(
        name="shop", platform_app_id="wx0123456789abcdee", credential=upload_key.encode()
    )
    apps.add(site.services, boss, "web", Platform.WECHAT, twin)
    with pytest.raises(Refused):
        repetition.again(site.services, site.first)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_what_was_typed_into_settings_is_still_there_after_a_refusal(site: Site) -> None:
    boss = site.logged_in(Role.SUPER_ADMIN)
    form = {"name": "?!", "repository": "https://typed.example/x.git", "default_branch": "dev"}
    page = boss.send("/projects/web", **form)
    assert 'role="alert"' in page
    assert all(f'value="{each}"' in page for each in form.values())
    page = boss.send("/profile", name="?!", robot="abc")
    assert 'value="abc"' in page
    assert 'value="?!"' in boss.send("/profile/tokens", name="?!")
    assert "/projects/web/new-app" in boss.client.get("/projects").text
    odd = boss.client.post("/projects/web/new-app", data={"csrf": boss.csrf, "platform": "x"})
    assert odd.status_code == 422
