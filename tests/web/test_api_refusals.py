"""What is not to be: refused in words and under a documented status, and never a crash."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute

from api_clients import API, api_client
from databases import KINDS
from mprelease.domain.users import Permission, Role
from test_rights import needs
from web_clients import Site

pytestmark = pytest.mark.lasting

ENORMOUS = 2**70


@pytest.mark.parametrize("kind", KINDS)
def test_a_nul_is_refused_in_words_wherever_it_is_typed(site: Site) -> None:
    boss, browser = api_client(site, Role.ADMIN), site.logged_in(Role.ADMIN)
    wanted = {"app": "shop", "kind": "preview", "description": "a\x00b"}
    assert boss.call("POST", "/releases", 422, json=wanted)["problem"] == "value_unusable"
    for address in ("/apps/a%00b", "/releases?ref=%00", "/projects/%00"):
        assert boss.call("GET", address, 422)["problem"] == "value_unusable"
    for address in ("/apps/a%00b", "/releases?ref=%00", "/projects/%00"):
        assert browser.client.get(address).status_code == 422
    form = {"csrf": browser.csrf, "name": "a\x00b", "repository": "/srv/\x00"}
    assert browser.client.post("/projects", data=form).status_code == 422
    assert browser.log_in("ad\x00min") == 422


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_that_no_database_holds_is_refused_or_not_found(site: Site) -> None:
    boss, browser = api_client(site, Role.ADMIN), site.logged_in(Role.ADMIN)
    for address in (f"/releases/{ENORMOUS}", f"/releases?before={ENORMOUS}", f"/users/{ENORMOUS}"):
        assert boss.call("GET", address, 422)["problem"] == "field_unusable"
    wanted = {"app": "shop", "kind": "preview"}
    for field in ("robot", "scene", "priority"):
        boss.call("POST", "/releases", 422, json={**wanted, field: ENORMOUS})
    # The servers compare such a number; SQLite's driver cannot.
    assert browser.client.get(f"/releases/{ENORMOUS}").status_code in {404, 422}
    assert browser.client.get(f"/audit?before={ENORMOUS}").status_code in {200, 422}


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"app": "\\ud800", "kind": "preview"}', 422),
        (b'{"app": "shop", "kind": "preview", "compile_settings": {"\\ud800": 1}}', 422),
        (b'{"app": "shop", "kind": "preview", "\\ud800": 1}', 422),
        (b'{"app": "shop", "kind": "preview", "robot": ' + b"9" * 5000 + b"}", 422),
        (b"[" * 100_000, 422),
        (b"\xff\xfe", 422),
        (b"{", 422),
        (b"null", 422),
        (b'{"app": "' + b"a" * 2**20 + b'"}', 413),
    ],
)
def test_a_body_that_is_none_is_refused(site: Site, body: bytes, status: int) -> None:
    ci = api_client(site, Role.MEMBER)
    headers = {"content-type": "application/json"}
    answer = ci.call("POST", "/releases", status, content=body, headers=headers)
    assert set(answer) == {"problem", "message", "remedy"}


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_body_without_a_length_is_counted_while_it_is_read(site: Site) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(2000):
            yield b" " * 1024

    ci = api_client(site, Role.MEMBER)
    headers = {"content-type": "application/json"}
    answer = ci.call("POST", "/releases", 413, content=endless(), headers=headers)
    assert answer["problem"] == "body_too_large"


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_form_that_is_too_large_is_refused(site: Site) -> None:
    browser = site.logged_in(Role.ADMIN)
    picture = {"picture": ("me.png", b"a" * (9 * 2**20), "image/png")}
    headers = {"x-csrf": browser.csrf}
    answer = browser.client.post("/profile/avatar", files=picture, headers=headers)
    assert answer.status_code == 413
    long = {"name": "a" * (3 * 2**20), "repository": "/srv"}
    assert browser.client.post("/projects", data=long, headers=headers).status_code == 422


@pytest.mark.parametrize("kind", ["sqlite"])
def test_an_unknown_address_is_404_and_a_wrong_method_405_with_those_that_are_right(
    site: Site,
) -> None:
    client = site.anonymous().client
    lost = client.get("/api/v1/nothing")
    assert (lost.status_code, lost.json()["problem"]) == (404, "page_unknown")
    for method in ("PUT", "DELETE", "HEAD", "TRACE"):
        answer = client.request(method, f"{API}/users")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    wrong = client.put(f"{API}/users")
    assert wrong.json()["problem"] == "method_unknown"
    assert client.put(f"{API}/releases/1").headers["allow"] == "DELETE, GET"


@pytest.mark.parametrize("kind", ["sqlite"])
def test_what_another_site_sends_is_told_in_the_apis_own_form(site: Site) -> None:
    headers = {"origin": "https://evil.example"}
    answer = site.anonymous().client.post(f"{API}/releases", headers=headers)
    assert (answer.status_code, answer.json()["problem"]) == (403, "form_outdated")


def operations(site: Site) -> Iterator[tuple[APIRoute, str, dict[str, Any]]]:
    paths = site.app.openapi_schema or site.anonymous().client.get("/api/openapi.json").json()
    routers = [getattr(one, "original_router", None) for one in site.app.routes]
    for route in (one for router in routers if router for one in router.routes):
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in route.methods:
                yield route, method, paths["paths"][route.path][method.lower()]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_exactly_those_operations_that_can_be_forbidden_say_so(site: Site) -> None:
    found = list(operations(site))
    assert len(found) > 30
    for route, method, operation in found:
        is_for_all = next(needs(route.dependant)) is Permission.VIEW and method == "GET"
        assert ("403" in operation["responses"]) is not is_for_all, route.path
        assert {"401", "503"} <= operation["responses"].keys()
        assert operation["summary"].endswith(".")


@pytest.mark.parametrize("kind", ["sqlite"])
def test_the_document_has_one_shape_of_refusals_and_names_the_ways_in(site: Site) -> None:
    document = site.anonymous().client.get("/api/openapi.json").json()
    assert document["security"] == [{"token": []}, {"session": []}]
    assert {"token", "session"} == document["components"]["securitySchemes"].keys()
    for _, _, operation in operations(site):
        for status, response in operation["responses"].items():
            if status >= "400":
                schema = response["content"]["application/json"]["schema"]
                assert schema["$ref"].endswith("/RefusalModel")
    assert "HTTPValidationError" not in document["components"]["schemas"]
