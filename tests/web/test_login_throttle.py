"""Whoever guesses passwords is stopped, and stops nobody else by it (issue 12, number 28)."""

import logging
import os
import subprocess
import sys
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.users import Actor, Role
from mprelease.services import sessions, users
from mprelease.services.sessions import LoginAccount
from mprelease.web.context import WebContext
from mprelease.web.login_throttle import Attempt, LoginThrottle
from web_clients import NAMES, PASSWORD, BrowserClient, Site

pytestmark = pytest.mark.lasting

ATTACKER, PROXY = "198.51.100.7", "10.0.0.1"
ADMIN = LoginAccount(1, "stamp")
# That of the site in all tests.
MASTER_KEY = b64encode(bytes(32)).decode()
NEW_PASSWORD = "another horse battery"


@pytest.fixture(params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def is_refused(throttle: LoginThrottle, attempt: Attempt) -> bool:
    try:
        throttle.count(attempt)
    except Refused as refused:
        return refused.problem_detail.problem is Problem.LOGIN_TOO_OFTEN
    return False


def use_up(throttle: LoginThrottle, address: str) -> None:
    """Try made-up names from an address until it may no more."""
    while not is_refused(throttle, Attempt(os.urandom(4).hex(), address)):
        pass


def throttle_of(site: Site) -> LoginThrottle:
    context: WebContext = site.app.state.context
    return context.login_throttle


def known(site: Site, address: str) -> BrowserClient:
    """A browser in which the administrator has logged in and out."""
    browser = site.at(address)
    assert browser.log_in("admin") == 303
    browser.send("/logout")
    assert browser.client.get("/", follow_redirects=False).status_code == 303
    return browser


def test_101_attempts_from_one_address_shut_a_name_for_nobody_else(site: Site) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: site.at(ATTACKER).log_in("admin", "wrong"), range(101)))
    assert site.at(ATTACKER).log_in("admin") == 429
    assert site.at("203.0.113.1").log_in("admin") == 303


def test_any_number_of_correct_logins_from_one_address_and_to_one_name_succeed() -> None:
    """Issue 12, number 28: a company's people share an address, and programs share a name."""
    throttle = LoginThrottle()
    for _ in range(150):
        attempt = Attempt("admin", ATTACKER, ADMIN)
        throttle.count(attempt)
        throttle.succeeded(attempt)
    # What was wrong counts as ever, whatever was right meanwhile.
    for number in range(60):
        throttle.count(Attempt(f"nobody {number}", ATTACKER))
        if number < 52:
            throttle.count(attempt := Attempt("admin", "203.0.113.1", ADMIN))
            throttle.succeeded(attempt)
    assert is_refused(throttle, Attempt("nobody", ATTACKER))


def test_an_address_that_has_used_up_all_its_attempts_still_lets_in_who_was_there_before(
    site: Site,
) -> None:
    browser = known(site, PROXY)
    use_up(throttle_of(site), PROXY)
    assert site.at(PROXY).log_in("admin") == 429
    assert site.at(PROXY).log_in(NAMES[Role.MEMBER]) == 429
    assert browser.log_in("admin") == 303


def test_a_known_browser_may_guess_no_more_than_others_and_only_for_its_own_user(
    site: Site,
) -> None:
    browser = known(site, PROXY)
    assert [browser.log_in("admin", "wrong") for _ in range(9)] == [401] * 8 + [429]
    assert known(site, PROXY).log_in("admin") == 303
    use_up(throttle_of(site), PROXY)
    assert browser.log_in(NAMES[Role.MEMBER]) == 429


def test_the_cookie_of_a_known_browser_is_kept_from_scripts_and_other_pages(site: Site) -> None:
    form = {"name": "admin", "password": PASSWORD}
    answer = site.anonymous().client.post("/login", data=form, follow_redirects=False)
    [cookie] = [one for one in answer.headers.get_list("set-cookie") if "known" in one]
    with site.services.database.reading() as db:
        user_id = users.by_name(db, "admin").id
    assert cookie.startswith(f"mprelease-known-{user_id}=")
    assert {"HttpOnly", "Path=/login", "SameSite=lax"} <= set(cookie.split("; "))


@pytest.mark.parametrize("change", ["own", "reset"])
def test_a_known_browser_is_one_no_more_when_the_password_changes(site: Site, change: str) -> None:
    browser, here = known(site, PROXY), site.at(PROXY)
    assert here.log_in("admin") == 303
    password = NEW_PASSWORD
    if change == "own":
        here.send("/profile/password", old=PASSWORD, new=password)
    else:
        with site.services.database.reading() as db:
            user_id = users.by_name(db, "admin").id
        users.reset_password(site.services, Actor("admin"), user_id)
    use_up(throttle_of(site), PROXY)
    assert browser.log_in("admin", password) == 429
    # Where the new password was chosen, it is known.
    assert (here.log_in("admin", password) == 303) is (change == "own")


@pytest.mark.parametrize("forged", ["", ".", "x.y", "1.é", "." + "0" * 64])
def test_a_cookie_that_was_not_signed_here_passes_no_limit(site: Site, forged: str) -> None:
    use_up(throttle_of(site), ATTACKER)
    with site.services.database.reading() as db:
        user_id = users.by_name(db, "admin").id
    cookie = f"mprelease-known-{user_id}={forged}".encode()
    answer = site.at(ATTACKER).client.post(
        "/login", data={"name": "admin", "password": "wrong"}, headers={b"cookie": cookie}
    )
    assert answer.status_code == 429


def test_a_password_reset_by_the_command_line_lets_its_user_in_at_once(
    site: Site, database_url: str, tmp_path: Path
) -> None:
    for number in range(100):
        account = sessions.account(site.services, "admin")
        throttle_of(site).count(Attempt("admin", f"198.51.100.{number}", account))
    use_up(throttle_of(site), PROXY)
    assert site.at("203.0.113.1").log_in("admin") == 429
    settings = {
        "MPRELEASE_DATA_DIR": str(tmp_path / "data"),
        "MPRELEASE_DATABASE_URL": database_url,
        "MPRELEASE_CONFIG": str(tmp_path / "none.toml"),
        "MPRELEASE_MASTER_KEY": MASTER_KEY,
    }
    command = (sys.executable, "-m", "mprelease", "user", "reset-password", "admin")
    answer = subprocess.run(
        command, env={**os.environ, **settings}, check=True, capture_output=True, text=True
    )
    password = next(word for word in answer.stdout.split() if len(word) == 24)
    # Also from the address whose attempts are used up, by a browser that nobody knows.
    assert site.at(PROXY).log_in("admin", password) == 303
    assert site.at("203.0.113.1").log_in("admin", "wrong") == 401


def test_a_password_that_was_made_here_may_be_tried_only_so_often_when_it_is_wrong(
    site: Site,
) -> None:
    with site.services.database.reading() as db:
        user_id = users.by_name(db, "admin").id
    old = users.reset_password(site.services, Actor("admin"), user_id)
    users.reset_password(site.services, Actor("admin"), user_id)
    answers = [site.at(f"198.51.100.{number}").log_in("admin", old) for number in range(9)]
    assert answers == [401] * 8 + [429]


def test_one_address_never_uses_up_a_name_and_many_do_so_for_strangers_alone() -> None:
    throttle = LoginThrottle()
    for _ in range(200):
        is_refused(throttle, Attempt("admin", ATTACKER, ADMIN))
    assert not is_refused(throttle, Attempt("admin", "203.0.113.1", ADMIN))
    for number in range(200):
        is_refused(throttle, Attempt("admin", f"198.51.100.{number}", ADMIN))
    assert is_refused(throttle, Attempt("admin", "203.0.113.2", ADMIN))
    assert not is_refused(throttle, Attempt("admin", "203.0.113.2", ADMIN, browser="known"))
    assert not is_refused(throttle, Attempt("admin", "203.0.113.2", replace(ADMIN, stamp="new")))


def test_an_ipv6_network_counts_as_one_address_and_a_mapped_one_as_what_it_is() -> None:
    throttle = LoginThrottle()
    for number in range(8):
        assert not is_refused(throttle, Attempt("admin", f"2001:db8::{number}", ADMIN))
    assert is_refused(throttle, Attempt("admin", "2001:db8::ffff:1", ADMIN))
    assert not is_refused(throttle, Attempt("admin", "2001:db8:0:1::1", ADMIN))
    for _ in range(8):
        throttle.count(Attempt("admin", f"::ffff:{ATTACKER}", ADMIN))
    assert is_refused(throttle, Attempt("admin", ATTACKER, ADMIN))


def test_a_refusal_says_how_long_to_wait_and_makes_it_no_longer() -> None:
    throttle, attempt = LoginThrottle(), Attempt("admin", ATTACKER, ADMIN)
    for _ in range(8):
        throttle.count(attempt)
    for _ in range(100):
        with pytest.raises(Refused) as refused:
            throttle.count(attempt)
        assert refused.value.problem_detail.parameters == {"minutes": 5}
    # The others of this address still have what is left of its sixty.
    for _ in range(52):
        throttle.count(Attempt(os.urandom(4).hex(), ATTACKER))


def test_a_stolen_login_cannot_guess_the_password_of_its_user_without_limit(site: Site) -> None:
    thief, owner = site.logged_in(Role.MEMBER), site.logged_in(Role.MEMBER)
    form = {"old": "guessed", "new": NEW_PASSWORD}
    csrf = thief.csrf
    answers = [
        thief.client.post("/profile/password", data={**form, "csrf": csrf}) for _ in range(9)
    ]
    assert [one.status_code for one in answers] == [422] * 8 + [429]
    right = {"csrf": csrf, "old": PASSWORD, "new": NEW_PASSWORD}
    assert thief.client.post("/profile/password", data=right).status_code == 429
    answer = owner.client.post("/profile/password", data={**right, "csrf": owner.csrf})
    assert answer.status_code == 200


def test_a_forwarded_address_of_an_untrusted_peer_is_not_believed_but_told_to_administrators(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    boss, member = site.logged_in(Role.ADMIN), site.logged_in(Role.MEMBER)
    assert "X-Forwarded-For" not in boss.client.get("/").text
    for number in range(9):
        forwarded = {"x-forwarded-for": f"203.0.113.{number}"}
        answer = site.at(PROXY).client.post(
            "/login", data={"name": "admin", "password": "wrong"}, headers=forwarded
        )
    assert answer.status_code == 429
    page = boss.client.get("/").text
    assert "X-Forwarded-For" in page
    assert f"MPRELEASE_TRUSTED_PROXIES={PROXY}" in page
    assert "X-Forwarded-For" not in member.client.get("/").text
    assert caplog.text.count("X-Forwarded-For") == 1


def test_a_forwarded_address_of_a_trusted_proxy_counts_and_warns_nobody(site: Site) -> None:
    context: WebContext = site.app.state.context
    behind = replace(site, app=ProxyHeadersMiddleware(site.app, PROXY))
    for number in range(20):
        browser = behind.at(PROXY)
        browser.client.headers["x-forwarded-for"] = f"spoofed, 203.0.113.{number}"
        assert browser.log_in("admin", "wrong") == 401
    assert context.untrusted_proxies.peers == ()
