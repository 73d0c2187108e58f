"""Every route says which right it needs, and the server holds it against every role."""

import re
from collections.abc import Iterator

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from mprelease.domain.users import Permission, Role
from mprelease.security import tokens
from mprelease.storage import access_keys
from mprelease.web.identity import RequiredRight
from web_clients import Site

pytestmark = pytest.mark.lasting

OPEN = {
    "/login",
    "/language",
    "/healthz",
    "/readyz",
    "/api/openapi.json",
    "/api/docs",
    "/s/{key}",
    "/s/{key}/qr-code",
    "/s/{key}/renew",
}
FILLED = {
    "{name}": "shop",
    "{kind}": "preview",
    "{user_id}": "99999",
    "{key_id}": "99999",
}


def needs(dependant: Dependant) -> Iterator[Permission]:
    for one in dependant.dependencies:
        if isinstance(one.call, RequiredRight):
            yield one.call.right
        yield from needs(one)


def routes(site: Site) -> Iterator[tuple[APIRoute, str, str, Permission | None]]:
    included = [getattr(one, "original_router", None) for one in site.app.routes]
    for route in (*site.app.routes, *(one for each in included if each for one in each.routes)):
        if isinstance(route, APIRoute):
            address = route.path.replace("{release_id}", str(site.first))
            for gap, word in FILLED.items():
                address = address.replace(gap, word)
            right = next(needs(route.dependant), None)
            for method in sorted(route.methods - {"HEAD"}):
                yield route, method, address, right


@pytest.mark.parametrize("kind", ["sqlite"])
def test_every_route_but_the_login_needs_a_right(site: Site) -> None:
    found = list(routes(site))
    assert len(found) > 30
    assert {route.path for route, _, _, right in found if right is None} == OPEN


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("role", [None, *Role])
def test_a_role_gets_what_it_may_and_nothing_else(site: Site, role: Role | None) -> None:
    browser = site.logged_in(role) if role else site.anonymous()
    csrf = browser.csrf if role else ""
    for _, method, address, right in routes(site):
        if right is None or address == "/logout":
            continue
        headers = {"x-csrf": csrf}
        answer = browser.client.request(method, address, headers=headers, follow_redirects=False)
        if role is None and (address.startswith("/api/") or address == "/metrics"):
            assert answer.status_code == 401
        elif role is None:
            assert (answer.status_code, answer.headers["location"][:6]) == (303, "/login")
        elif role.may(right):
            assert answer.status_code not in {401, 403, 500}, f"{role} {method} {address}"
        else:
            assert answer.status_code == 403, f"{role} {method} {address}"


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_form_without_the_secret_of_its_login_changes_nothing(site: Site) -> None:
    browser, other = site.logged_in(Role.SUPER_ADMIN), site.logged_in(Role.MEMBER)
    for csrf in ("", "guessed", other.csrf):
        answer = browser.client.post(f"/releases/{site.first}/cancel", data={"csrf": csrf})
        assert answer.status_code == 403
    assert (
        browser.client.post(
            f"/releases/{site.first}/cancel", data={"csrf": browser.csrf}
        ).status_code
        == 200
    )


@pytest.mark.parametrize("kind", ["sqlite"])
def test_no_page_shows_the_secret_of_a_login_or_the_same_token_twice(site: Site) -> None:
    browser = site.logged_in(Role.SUPER_ADMIN)
    with site.services.database.reading() as db:
        cookie = tokens.digest(browser.client.cookies["mprelease"])
        found = access_keys.holder(db, cookie)
    assert found
    addresses = ("/", "/profile", "/profile", "/api/docs", "/users", "/projects/web", "/apps/shop")
    pages = [browser.client.get(address).text for address in addresses]
    shown = [token for page in pages for token in re.findall(r"[\w-]{100,}=*", page)]
    assert len(shown) == len(set(shown)) > len(pages)
    assert not any(found.key.csrf in page for page in pages)


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}]
)
def test_a_form_of_another_site_is_refused_at_the_login_too(
    site: Site, headers: dict[str, str]
) -> None:
    browser = site.anonymous()
    form = {"name": "admin", "password": "correct horse battery"}
    assert browser.client.post("/login", data=form, headers=headers).status_code == 403
    assert browser.client.cookies.get("mprelease") is None
