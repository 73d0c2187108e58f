"""An old webpack on a new Node is built with Node 16 by one press: issue 14, 5."""

from dataclasses import asdict

import pytest

from api_clients import api_client
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.domain.releases import Commit, Kind, Release, Stage, State
from mprelease.domain.users import Actor, Role
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, releases
from mprelease.storage import lists, queue
from mprelease.storage.lists import Search
from web_clients import Site

pytestmark = pytest.mark.parametrize("kind", ["sqlite"])
COMMIT = Commit("a" * 40, "林", "Begin", 0)


def failed(site: Site, number: int, problem: Problem = Problem.OLD_WEBPACK_NEW_NODE) -> str:
    """End a release as one that Node 20 has built; return the address of its button."""
    lease = queue.claim(site.services.database, number, "worker", f"token {number}")
    assert lease
    with site.services.database.writing() as db:
        queue.write(db, lease, commit=asdict(COMMIT), node_version="20.20.2")
        queue.end(db, lease, State.FAILED, ProblemDetail(problem), Stage.BUILD)
    return f"/releases/{number}/again-with-node"


def newest(site: Site) -> Release:
    with site.services.database.reading() as db:
        return lists.search(db, Search(limit=1))[0]


def node_of_app(site: Site) -> str | None:
    with site.services.database.reading() as db:
        return apps.get(db, "shop").build.node


def test_one_press_builds_the_same_commit_with_node_16(site: Site) -> None:
    button = failed(site, site.first)
    boss = site.logged_in(Role.SUPER_ADMIN)
    page = boss.client.get(f"/releases/{site.first}").text
    assert f'<form method="post" action="{button}">' in page
    assert "改用 Node 16 重新构建" in page
    assert "20.20.2" in page
    boss.send(button)
    assert node_of_app(site) == "16"
    assert newest(site).id != site.first
    assert newest(site).ref == COMMIT.id


def test_an_upload_is_sent_again_only_after_a_question(site: Site) -> None:
    wanted = ReleaseRequest(app="shop", kind=Kind.UPLOAD)
    button = failed(site, releases.request(site.services, Actor("admin"), wanted))
    boss = site.logged_in(Role.SUPER_ADMIN)
    page = boss.client.get(button.rpartition("/")[0]).text
    assert f'<form method="post" action="{button}" class="card ask-panel">' in page


def test_whoever_may_not_change_the_app_has_no_such_button(site: Site) -> None:
    button = failed(site, site.first)
    member = site.logged_in(Role.MEMBER)
    assert button not in member.client.get(f"/releases/{site.first}").text
    member.send(button)
    assert node_of_app(site) is None
    assert newest(site).id == site.first


def test_another_failure_has_no_such_button(site: Site) -> None:
    button = failed(site, site.first, Problem.BUILD_FAILED)
    boss = site.logged_in(Role.SUPER_ADMIN)
    assert button not in boss.client.get(f"/releases/{site.first}").text


def test_a_program_names_the_node(site: Site) -> None:
    address = failed(site, site.first)
    ci = api_client(site, Role.ADMIN)
    assert ci.call("GET", f"/releases/{site.first}", 200)["node_version"] == "20.20.2"
    assert ci.call("POST", address, 422, json={"node": "sixteen"})["problem"] == "node_shape"
    made = ci.call("POST", address, 201, json={"node": "lts/gallium"})
    assert (made["ref"], made["ref_name"]) == (COMMIT.id, "main")
    assert node_of_app(site) == "lts/gallium"
