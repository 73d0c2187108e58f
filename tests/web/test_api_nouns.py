"""What programs do with projects, apps, people and workers, and how they read long lists."""

import json
from dataclasses import replace

import pytest

from api_clients import api_client
from databases import KINDS
from mprelease.domain.errors import Refused, StageFailed
from mprelease.domain.logs import LogLine, Position
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Stage
from mprelease.domain.users import Role
from mprelease.domain.worker_queries import WorkerQuery, WorkerQueryKind
from mprelease.storage import logs, releases, workers
from web_clients import NAMES, Site

SECRET = "glpat-never-shown"


def test_a_project_is_kept_by_a_program_and_tells_no_secret(site: Site) -> None:
    boss = api_client(site, Role.ADMIN)
    new = {"name": "商城", "repository": "/srv/mall.git", "secrets": {"git_token": SECRET}}
    added = boss.call("POST", "/projects", 201, json=new)
    assert (added["default_branch"], added["secrets"]) == ("main", ["git_token"])
    assert boss.call("POST", "/projects", 409, json=new)["problem"] == "project_exists"
    npmrc = {"secrets": {"npmrc": SECRET, "git_token": None}}
    changed = boss.call("PATCH", "/projects/商城", json=npmrc)
    assert (changed["repository"], changed["secrets"]) == ("/srv/mall.git", ["npmrc"])
    answers = [boss.call("GET", address) for address in ("/projects", "/projects/商城", "/audit")]
    assert SECRET not in json.dumps(answers)
    boss.call("DELETE", "/projects/商城", 204)
    assert boss.call("GET", "/projects/商城", 404)["problem"] == "project_unknown"
    assert boss.call("DELETE", "/projects/web", 409)["problem"] == "project_has_apps"


@pytest.mark.parametrize("kind", ["sqlite"])
def test_another_host_of_a_repository_takes_the_token_away_and_says_so(site: Site) -> None:
    boss = api_client(site, Role.ADMIN)
    first = {"repository": "https://git.example.com/web", "secrets": {"git_token": SECRET}}
    boss.call("PATCH", "/projects/web", json=first)
    moved = {"repository": "https://evil.example.com/web"}
    changed = boss.call("PATCH", "/projects/web", json=moved)
    assert changed["secrets"] == []
    assert "give them anew" in changed["notice"]
    assert boss.call("PATCH", "/projects/web", json=moved)["notice"] is None
    entry = boss.call("GET", "/audit?limit=2")["items"][1]
    assert entry["details"]["removed_secrets"] == ["git_token"]
    assert entry["who_id"]
    assert entry["subject_id"]
    boss.call("PATCH", "/projects/web", json=first)
    admin = site.logged_in(Role.ADMIN)
    form = {"name": "moved", "default_branch": "main", **moved}
    page = admin.send("/projects/web", **form)
    assert 'role="status"' in page
    assert 'action="/projects/moved"' in page
    assert "git_token ✓" not in page


def test_an_app_is_kept_by_a_program_and_tells_no_credential(site: Site, upload_key: str) -> None:
    boss = api_client(site, Role.ADMIN)
    new = {
        "project": "web",
        "platform": "wechat",
        "name": "club",
        "platform_app_id": "wx00000000000000aa",
        "credential": upload_key,
        "compile_settings": {"es6": True, "codeProtect": "no"},
        "build_command": "npm run build",
    }
    added = boss.call("POST", "/apps", 201, json=new)
    assert (added["project"], added["project_type"]) == ("web", "miniProgram")
    assert added["compile_settings"] == {"es6": True, "codeProtect": False}
    assert added["credential"]["fingerprint"]
    assert "PRIVATE KEY" not in json.dumps([added, boss.call("GET", "/audit")])
    change = {"compile_settings": {"es6": None, "minify": 1}, "build_command": "", "robot": 7}
    changed = boss.call("PATCH", "/apps/club", json=change)
    assert changed["compile_settings"] == {"codeProtect": False, "minify": True}
    assert (changed["build_command"], changed["robot"]) == (None, 7)
    assert boss.call("GET", "/apps/club/settings") == changed
    assert boss.call("PATCH", "/apps/club", 422, json={})["problem"] == "nothing_to_change"
    boss.call("DELETE", "/apps/club", 204)
    assert boss.call("DELETE", "/apps/shop", 409)["problem"] == "release_busy"


@pytest.mark.parametrize("kind", ["sqlite"])
def test_how_an_app_is_built_is_for_managers(site: Site) -> None:
    viewer = api_client(site, Role.VIEWER)
    assert "proxy" not in viewer.call("GET", "/apps/shop")
    assert viewer.call("GET", "/apps/shop/settings", 403)["problem"] == "forbidden"


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_credential_of_several_parts_is_sent_as_an_object(site: Site) -> None:
    boss = api_client(site, Role.ADMIN)
    new = {"project": "web", "platform": "douyin", "name": "video"}
    new |= {"platform_app_id": "tt0123456789abcdef01"}
    added = boss.call("POST", "/apps", 201, json={**new, "credential": {"token": SECRET}})
    assert added["credential"]["fingerprint"]
    wrong = {"name": "other", "credential": {"toolId": "1", "privateKey": "2"}}
    refused = boss.call("POST", "/apps", 422, json={**new, **wrong})
    assert refused["problem"] == "credential_of_other_platform"


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_credential_is_checked_and_the_answer_told(site: Site) -> None:
    checked = api_client(site, Role.ADMIN).call("POST", "/apps/shop/check")
    assert checked == {"accepted": True, "error": None, "address": "203.0.113.9"}


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_refused_credential_is_an_answer_and_a_missing_worker_is_none(site: Site) -> None:
    failures = iter([StageFailed(Problem.KEY_REFUSED), Refused(Problem.NO_WORKER, label="x")])

    def ask(label: str, query: WorkerQuery, *, seconds: float, max_age: float) -> dict[str, object]:
        if query.kind is WorkerQueryKind.CHECK:
            raise next(failures)
        raise Refused(Problem.ADDRESS_PAGE_MISSING)

    site.app.state.context = replace(site.app.state.context, ask=ask)
    boss = api_client(site, Role.ADMIN)
    refused = boss.call("POST", "/apps/shop/check")
    assert (refused["accepted"], refused["address"]) == (False, None)
    assert refused["error"]["problem"] == "key_refused"
    assert boss.call("POST", "/apps/shop/check", 503)["problem"] == "no_worker"


def test_people_are_shown_changed_and_given_a_new_password(site: Site) -> None:
    boss = api_client(site, Role.SUPER_ADMIN)
    chosen = {"name": "小李", "role": "member", "password": "chosen by hand"}
    added = boss.call("POST", "/users", 201, json=chosen)
    assert added["password"] is None
    assert boss.call("POST", "/users", 409, json=chosen)["problem"] == "user_exists"
    assert site.anonymous().log_in("小李", "chosen by hand") == 303
    made_anew = boss.call("POST", f"/users/{added['id']}/reset-password")["password"]
    assert site.anonymous().log_in("小李", "chosen by hand") == 401
    assert site.anonymous().log_in("小李", made_anew) == 303
    assert boss.call("GET", f"/users/{added['id']}")["name"] == "小李"


@pytest.mark.parametrize("kind", ["sqlite"])
def test_the_super_administrator_is_touched_by_nobody_else(site: Site) -> None:
    admin, boss = api_client(site, Role.ADMIN), api_client(site, Role.SUPER_ADMIN)
    address = f"/users/{boss.call('GET', '/me')['id']}"
    for method, end in (("PATCH", ""), ("DELETE", ""), ("POST", "/reset-password")):
        body = {"json": {"name": "me"}} if method == "PATCH" else {}
        assert admin.call(method, address + end, 403, **body)["problem"] == "super_admin_stays"


def test_a_worker_is_drained_and_resumed(site: Site) -> None:
    with site.services.database.writing() as db:
        workers.register(db, "here", ["default"], 2, "0.1.0")
    boss = api_client(site, Role.ADMIN)
    boss.call("POST", "/workers/here/drain", 204)
    assert boss.call("GET", "/workers")[0]["draining"] is True
    boss.call("POST", "/workers/here/resume", 204)
    assert boss.call("GET", "/workers")[0]["draining"] is False
    assert boss.call("POST", "/workers/gone/drain", 404)["problem"] == "worker_unknown"


@pytest.mark.parametrize("kind", KINDS)
def test_long_lists_are_read_part_by_part_to_their_end(site: Site) -> None:
    ci = api_client(site, Role.MEMBER)
    wanted = {"app": "shop", "kind": "preview"}
    made_ids = [ci.call("POST", "/releases", 201, json=wanted)["id"] for _ in range(3)]
    found, before = [], ""
    for _ in range(2):
        part = ci.call("GET", f"/releases?limit=2{before}")
        found += [one["id"] for one in part["items"]]
        before = f"&before={part['next']}"
    assert found == [*reversed(made_ids), site.first]
    assert part["next"] is None
    entries = api_client(site, Role.ADMIN).call("GET", "/audit?limit=1")
    assert entries["next"] == entries["items"][0]["id"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_log_is_followed_by_its_position_until_it_is_over(site: Site) -> None:
    ci = api_client(site, Role.MEMBER)
    lines = [LogLine(Position(1, number), 0, Stage.BUILD, f"line {number}") for number in (1, 2, 3)]
    with site.services.database.writing() as db:
        logs.append(db, site.first, lines)
    address = f"/releases/{site.first}/log"
    first = ci.call("GET", f"{address}?limit=2")
    assert [one["text"] for one in first["items"]] == ["line 1", "line 2"]
    position = f"?attempt={first['next']['attempt']}&line={first['next']['line']}"
    rest = ci.call("GET", address + position)
    assert ([one["line"] for one in rest["items"]], rest["is_over"]) == ([3], False)
    ci.call("POST", f"/releases/{site.first}/cancel")
    assert ci.call("GET", address + position)["is_over"] is True


@pytest.mark.parametrize("kind", KINDS)
def test_a_qr_code_is_an_image(site: Site) -> None:
    with site.services.database.writing() as db:
        releases.put_qr_code(db, site.first, b"\x89PNG", "image/png", site.services.now())
    viewer = api_client(site, Role.VIEWER)
    assert viewer.call("GET", f"/releases/{site.first}")["has_qr_code"] is True
    headers = {"authorization": f"Bearer {viewer.token}"}
    answer = viewer.client.get(f"/api/v1/releases/{site.first}/qr-code", headers=headers)
    assert (answer.headers["content-type"], answer.content) == ("image/png", b"\x89PNG")


@pytest.mark.parametrize("kind", ["sqlite"])
def test_the_last_step_is_done_and_an_end_decided_as_on_the_pages(site: Site) -> None:
    ci = api_client(site, Role.MEMBER)
    refused = ci.call("POST", f"/releases/{site.first}/finish", 409)
    assert refused["problem"] == "release_not_uploaded"
    end = {"json": {"published": True}}
    refused = ci.call("POST", f"/releases/{site.first}/resolve", 409, **end)
    assert refused["problem"] == "release_not_unknown"
    assert ci.call("GET", "/projects/web/refs")["branches"] == ["main", "feature/<b>"]
    assert ci.call("GET", "/me")["name"] == NAMES[Role.MEMBER]
