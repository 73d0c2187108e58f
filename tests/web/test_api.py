"""The API for programs, by personal tokens."""

import pytest

from api_clients import API, ApiClient, api_client
from mprelease.domain.releases import State
from mprelease.domain.users import Role
from mprelease.storage import queue
from web_clients import NAMES, Site, has_twin


def test_a_release_is_asked_for_once_under_one_key_and_canceled(site: Site) -> None:
    ci = api_client(site, Role.MEMBER)
    wanted = {"app": "shop", "kind": "upload", "ref": "main", "description": "新版"}
    key = {"idempotency-key": "build-7"}
    first = ci.call("POST", "/releases", 201, json=wanted, headers=key)
    assert ci.call("POST", "/releases", 201, json=wanted, headers=key)["id"] == first["id"]
    assert (first["state"], first["requested_by"]) == ("queued", NAMES[Role.MEMBER])
    assert first["stages"][0]["name"] == "checkout"
    assert ci.call("POST", f"/releases/{first['id']}/cancel")["state"] == "canceled"
    again = ci.call("POST", f"/releases/{first['id']}/again", 201)
    assert again["id"] > first["id"]
    listed = ci.call("GET", f"/releases?kind=upload&before={again['id']}")
    assert [one["id"] for one in listed["items"]] == [first["id"]]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_the_apps_of_a_project_are_released_together_or_not_at_all(
    site: Site, upload_key: str
) -> None:
    has_twin(site, upload_key)
    ci = api_client(site, Role.MEMBER)
    path, wanted = "/projects/web/releases", {"kind": "upload"}
    key = {"idempotency-key": "build-8"}
    first = ci.call("POST", path, 201, json=wanted, headers=key)
    assert [one["app"] for one in first] == ["shop", "twin"]
    assert first[0]["version"] == first[1]["version"]
    repeated = ci.call("POST", path, 201, json=wanted, headers=key)
    assert [one["id"] for one in repeated] == [one["id"] for one in first]
    [alone] = ci.call("POST", path, 201, json={"kind": "preview", "apps": ["twin"]})
    assert alone["app"] == "twin"
    again = f"/releases/{alone['id']}/again"
    made = [ci.call("POST", again, 201, headers=key)["id"] for _ in range(2)]
    assert made[0] == made[1] > alone["id"]
    other = ci.call("POST", path, 422, json={"kind": "upload", "version": "版本"})
    assert (other["problem"], other["app"]) == ("version_shape", "shop")
    assert ci.call("POST", path, 404, json={"kind": "preview", "apps": ["nobody"]})
    assert "app" not in ci.call("POST", "/projects/nothing/releases", 404, json=wanted)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_what_has_ended_cannot_be_canceled(site: Site) -> None:
    ci = api_client(site, Role.MEMBER)
    lease = queue.claim(site.services.database, site.first, "w", "t")
    assert lease
    with site.services.database.writing() as db:
        queue.end(db, lease, State.SUCCEEDED)
    refused = ci.call("POST", f"/releases/{site.first}/cancel", 409)
    assert refused["problem"] == "cancel_too_late"


@pytest.mark.parametrize("kind", ["sqlite"])
def test_refusals_are_told_in_words_and_by_name(site: Site) -> None:
    ci = api_client(site, Role.MEMBER)
    refused = ci.call("POST", "/releases", 404, json={"app": "nowhere", "kind": "preview"})
    assert refused["problem"] == "app_unknown"
    assert "nowhere" in refused["message"]
    assert refused["remedy"]
    wrong = ci.call("POST", "/releases", 422, json={"app": "shop", "kind": "launch"})
    assert (wrong["problem"], "kind" in wrong["message"]) == ("field_unusable", True)
    assert ci.call("GET", "/releases/999999", 404)["problem"] == "release_unknown"
    assert ci.call("GET", "/users", 403)["problem"] == "forbidden"
    assert ApiClient(ci.client, "guessed").call("GET", "/me", 401)["problem"] == "login_needed"


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_program_of_an_administrator_keeps_people(site: Site) -> None:
    boss = api_client(site, Role.SUPER_ADMIN)
    new = boss.call("POST", "/users", 201, json={"name": "小王", "role": "viewer"})
    assert len(new["password"]) >= 16
    changed = boss.call("PATCH", f"/users/{new['id']}", json={"role": "member"})
    assert changed["role"] == "member"
    boss.call("DELETE", f"/users/{new['id']}", 204)
    assert new["id"] not in [one["id"] for one in boss.call("GET", "/users")]
    assert [one["action"] for one in boss.call("GET", "/audit?limit=3")["items"]] == [
        "user.remove",
        "user.edit",
        "user.add",
    ]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_what_there_is_can_be_read(site: Site) -> None:
    viewer = api_client(site, Role.VIEWER)
    assert viewer.call("GET", "/me")["role"] == "viewer"
    assert [one["name"] for one in viewer.call("GET", "/apps")] == ["shop"]
    assert viewer.call("GET", "/apps/shop")["platform"] == "wechat"
    assert viewer.call("GET", "/projects", 403)["problem"] == "forbidden"
    member = api_client(site, Role.MEMBER)
    assert member.call("GET", "/projects")[0]["default_branch"] == "main"
    nothing = {"items": [], "next": {"attempt": 0, "line": 0}, "is_over": False}
    assert viewer.call("GET", f"/releases/{site.first}/log") == nothing
    assert viewer.call("GET", f"/releases/{site.first}/qr-code", 404)["problem"] == "no_qr_code"
    document = viewer.client.get("/api/openapi.json").json()
    assert f"{API}/releases" in document["paths"]
    assert not any(path.startswith("/login") for path in document["paths"])
