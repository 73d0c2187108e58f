"""The board on an app's page and of a project, in the API and on the command line."""

import json

import pytest

from api_clients import api_client
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, State
from mprelease.domain.users import Actor, Role
from mprelease.schemas.apps import AppChange
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, releases
from mprelease.storage import queue
from web_clients import NAMES, Site

pytestmark = pytest.mark.parametrize("kind", ["sqlite"])


def upload(site: Site, ref: str, app: str = "shop") -> int:
    who = Actor(f"tester of {ref}")
    release_id = releases.request(
        site.services, who, ReleaseRequest(app=app, kind=Kind.UPLOAD, ref=ref)
    )
    lease = queue.claim(site.services.database, release_id, "worker", f"token {release_id}")
    assert lease
    with site.services.database.writing() as db:
        queue.end(db, lease, State.SUCCEEDED)
    return release_id


def test_a_member_marks_the_trial_version_and_a_viewer_only_sees_it(site: Site) -> None:
    first = upload(site, "fix/a")
    second = upload(site, "fix/b")
    member, viewer = site.logged_in(Role.MEMBER), site.logged_in(Role.VIEWER)
    page = member.client.get("/apps/shop").text
    assert page.count(">标记为体验版</button>") == 2
    assert "请在这里标记是哪一个" in page
    page = member.send("/apps/shop/trial", robot="3")
    assert "已标记“shop”的体验版" in page
    assert page.count(">标记为体验版</button>") == 1
    assert f"体验版由 {NAMES[Role.MEMBER]} 标记 ·" in page
    seen = viewer.client.get("/apps/shop").text
    assert "标记为体验版" not in seen
    assert f'href="/releases/{first}"' in seen
    assert f'href="/releases/{second}"' in seen
    assert (
        viewer.client.post("/apps/shop/trial", data={"robot": "2", "csrf": viewer.csrf}).status_code
        == 403
    )
    assert (
        member.client.post(
            "/apps/shop/trial", data={"robot": "99", "csrf": member.csrf}
        ).status_code
        == 422
    )


def test_the_board_of_a_project_is_for_everybody_who_may_see_its_apps(site: Site) -> None:
    upload(site, "fix/<b>")
    page = site.logged_in(Role.VIEWER).client.get("/projects/web/board").text
    assert "fix/&lt;b&gt;" in page
    assert 'href="/apps/shop"' in page
    assert "标记为体验版" not in page
    assert "/projects/web/board" in site.logged_in(Role.ADMIN).client.get("/projects/web").text


def test_programs_read_boards_and_mark_the_trial_version(site: Site) -> None:
    first = upload(site, "fix/a")
    member = api_client(site, Role.MEMBER)
    board = member.call("PUT", "/apps/shop/trial", json={"robot": 2})
    [row] = board["rows"]
    assert (row["robot"], row["is_trial"], row["upload"]["release"]) == (2, True, first)
    assert (row["upload"]["ref"], row["upload"]["requested_by"]) == ("fix/a", "tester of fix/a")
    assert (board["trial"]["marked_by"], board["trial"]["version"]) == (NAMES[Role.MEMBER], None)
    assert member.call("GET", "/projects/web/board") == [board]
    assert (
        member.call("PUT", "/apps/shop/trial", 422, json={"robot": 77})["problem"] == "robot_range"
    )
    refused = member.call("POST", "/apps/shop/trial/refresh", 409)
    assert refused["problem"] == "trial_not_reported"
    assert "WeChat has no request" in refused["message"]
    api_client(site, Role.VIEWER).call("PUT", "/apps/shop/trial", 403, json={"robot": 2})


def test_where_the_platform_names_the_trial_version_it_is_asked(
    site: Site, alipay_key: bytes
) -> None:
    new = AppChange(name="pay", platform_app_id="2021000000000001", credential=alipay_key)
    apps.add(site.services, Actor("admin"), "web", Platform.ALIPAY, new)
    upload(site, "main", app="pay")
    member = site.logged_in(Role.MEMBER)
    assert "尚未向支付宝查询体验版" in member.client.get("/apps/pay").text
    page = member.send("/apps/pay/trial/refresh")
    assert "支付宝的体验版为 1.0.0" in page
    assert "标记为体验版" not in page
    refused = api_client(site, Role.MEMBER).call("PUT", "/apps/pay/trial", 409, json={})
    assert refused["problem"] == "trial_reported"


@pytest.fixture
def alipay_key(upload_key: str) -> bytes:
    return json.dumps({"toolId": "a" * 32, "privateKey": upload_key}).encode()
