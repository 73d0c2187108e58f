"""Logging in: who is let in, with which cookie, and where one comes out."""

from dataclasses import replace

import pytest
from httpx import Response

from mprelease.domain.users import Actor, Role
from mprelease.schemas.users import UserChange
from mprelease.security import passwords
from mprelease.services import sessions, users
from mprelease.storage.access_keys import KeyKind
from mprelease.web.context import WebContext
from web_clients import NAMES, PASSWORD, Site


def login_cookie(answer: Response) -> str:
    [found] = [one for one in answer.headers.get_list("set-cookie") if one[:10] == "mprelease="]
    return found


def test_the_cookie_is_new_each_time_and_kept_from_scripts(site: Site) -> None:
    browser = site.anonymous()
    browser.client.cookies.set("mprelease", "chosen-by-an-attacker")
    form = {"name": "admin", "password": PASSWORD}
    answer = browser.client.post("/login", data=form, follow_redirects=False)
    cookie = login_cookie(answer)
    assert "chosen-by-an-attacker" not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Max-Age" not in cookie
    remembered = browser.client.post(
        "/login", data={**form, "remember": "true"}, follow_redirects=False
    )
    assert "Max-Age=2592000" in login_cookie(remembered)


def test_wrong_names_and_wrong_passwords_look_alike(site: Site) -> None:
    browser = site.anonymous()
    answers = [
        browser.client.post("/login", data={"name": name, "password": "wrong"})
        for name in ("admin", "nobody")
    ]
    assert [one.status_code for one in answers] == [401, 401]
    assert answers[0].text.replace("admin", "nobody") == answers[1].text


@pytest.mark.parametrize("kind", ["sqlite"])
def test_guessing_is_stopped_for_a_while_also_for_the_right_password(site: Site) -> None:
    browser = site.anonymous()
    for _ in range(8):
        assert browser.log_in("admin", "wrong") == 401
    answer = browser.client.post("/login", data={"name": " admin", "password": PASSWORD})
    assert answer.status_code == 429
    assert "频繁" in answer.text
    assert browser.log_in(NAMES[Role.MEMBER]) == 303


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize(
    ("wanted", "reached"),
    [
        ("/apps/shop?kind=upload", "/apps/shop?kind=upload"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/\tevil", "/"),
    ],
)
def test_after_the_login_one_stays_on_this_site(site: Site, wanted: str, reached: str) -> None:
    form = {"name": "admin", "password": PASSWORD, "next": wanted}
    answer = site.anonymous().client.post("/login", data=form, follow_redirects=False)
    assert answer.headers["location"] == reached


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_stranger_comes_back_to_the_wanted_page(site: Site) -> None:
    browser = site.anonymous()
    answer = browser.client.get("/releases/1?x=1", follow_redirects=False)
    assert answer.headers["location"] == "/login?next=%2Freleases%2F1%3Fx%3D1"


@pytest.mark.parametrize("change", [UserChange(role=Role.VIEWER), UserChange(is_disabled=True)])
def test_a_new_role_and_being_disabled_end_the_logins_at_once(
    site: Site, change: UserChange
) -> None:
    member = site.logged_in(Role.MEMBER)
    with site.services.database.reading() as db:
        boss, user = users.by_name(db, "admin"), users.by_name(db, NAMES[Role.MEMBER])
    token = sessions.add_token(site.services, user, "ci", 7)
    assert sessions.find(site.services, token, KeyKind.TOKEN)
    users.edit(site.services, boss, user.id, change)
    assert member.client.get("/", follow_redirects=False).status_code == 303
    assert sessions.find(site.services, token, KeyKind.TOKEN) is None


def test_logging_out_ends_the_login_on_the_server_too(site: Site) -> None:
    browser = site.logged_in(Role.VIEWER)
    cookie = browser.client.cookies["mprelease"]
    browser.send("/logout")
    browser.client.cookies.set("mprelease", cookie)
    assert browser.client.get("/", follow_redirects=False).status_code == 303


def test_a_token_is_for_programs_and_needs_no_form(site: Site) -> None:
    with site.services.database.reading() as db:
        user = users.by_name(db, NAMES[Role.MEMBER])
    token = sessions.add_token(site.services, user, "ci", 7)
    api_client = site.anonymous().client
    bearer = {"authorization": f"Bearer {token}"}
    assert api_client.post(f"/releases/{site.first}/cancel", headers=bearer).status_code == 200
    api_client.cookies.set("mprelease", token)
    assert api_client.get("/", follow_redirects=False).status_code == 303


def test_a_reset_password_ends_logins_and_is_the_only_one_that_works(site: Site) -> None:
    viewer = site.logged_in(Role.VIEWER)
    with site.services.database.reading() as db:
        user = users.by_name(db, NAMES[Role.VIEWER])
    password = users.reset_password(site.services, Actor("admin"), user.id)
    assert viewer.client.get("/", follow_redirects=False).status_code == 303
    assert site.anonymous().log_in(user.name) == 401
    assert site.anonymous().log_in(user.name, password) == 303


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_token_opens_no_page_so_it_cannot_make_another_one(site: Site) -> None:
    with site.services.database.reading() as db:
        user = users.by_name(db, NAMES[Role.MEMBER])
    token = sessions.add_token(site.services, user, "ci", 7)
    client, headers = site.anonymous().client, {"authorization": f"Bearer {token}"}
    form = {"name": "another", "days": "365"}
    answer = client.post("/profile/tokens", data=form, headers=headers, follow_redirects=False)
    assert answer.headers["location"].startswith("/login")
    assert client.get("/api/v1/me", headers=headers).status_code == 200


@pytest.mark.parametrize("kind", ["sqlite"])
def test_addresses_that_nobody_can_read_are_no_trouble(site: Site) -> None:
    client = site.anonymous().client
    assert client.get("/login?next=//[").status_code == 200
    headers = {"origin": "http://["}
    assert client.post("/login", data={"name": "x"}, headers=headers).status_code == 403


@pytest.mark.parametrize("kind", ["sqlite"])
def test_an_error_that_nobody_foresaw_is_told_calmly_and_with_all_headers(site: Site) -> None:
    boss = site.logged_in(Role.SUPER_ADMIN)
    ready: WebContext = site.app.state.context

    def broken() -> bool:
        raise ZeroDivisionError

    site.app.state.context = replace(ready, is_ready=broken)
    answer = boss.client.get("/readyz")
    assert answer.status_code == 500
    assert "Traceback" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "script-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_login_that_is_overtaken_by_a_new_password_fails(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = passwords.matches

    def slowly(password: str, stored: str) -> bool:
        matches = real(password, stored)
        with site.services.database.reading() as db:
            member = users.by_name(db, NAMES[Role.MEMBER])
        users.reset_password(site.services, Actor("admin"), member.id)
        return matches

    monkeypatch.setattr(passwords, "matches", slowly)
    assert site.anonymous().log_in(NAMES[Role.MEMBER]) == 401
