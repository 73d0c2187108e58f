"""An old webpack on a new Node is built with Node 16 by one press: issue 14, 5."""

from dataclasses import asdict

import pytest

from guests import World
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.domain.releases import Commit, Kind, Release, Stage, State
from mprelease.domain.users import Actor, Role
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import apps, releases
from mprelease.storage import lists, queue
from mprelease.storage.lists import Search
from programs import program

pytestmark = pytest.mark.parametrize("kind", ["sqlite"])
COMMIT = Commit("a" * 40, "林", "Begin", 0)


def failed(world: World, number: int, problem: Problem = Problem.OLD_WEBPACK_NEW_NODE) -> str:
    """End a release as one that Node 20 has built; return the address of its button."""
    lease = queue.claim(world.services.database, number, "worker", f"token {number}")
    assert lease
    with world.services.database.writing() as db:
        queue.write(db, lease, commit=asdict(COMMIT), node_version="20.20.2")
        queue.end(db, lease, State.FAILED, ProblemDetail(problem), Stage.BUILD)
    return f"/releases/{number}/again-with-node"


def newest(world: World) -> Release:
    with world.services.database.reading() as db:
        return lists.search(db, Search(limit=1))[0]


def node_of_app(world: World) -> str | None:
    with world.services.database.reading() as db:
        return apps.get(db, "shop").build.node


def test_one_press_builds_the_same_commit_with_node_16(world: World) -> None:
    button = failed(world, world.first)
    boss = world.session_of(Role.SUPER_ADMIN)
    page = boss.client.get(f"/releases/{world.first}").text
    assert f'<form method="post" action="{button}">' in page
    assert "改用 Node 16 重新构建" in page
    assert "20.20.2" in page
    boss.send(button)
    assert node_of_app(world) == "16"
    assert newest(world).id != world.first
    assert newest(world).ref == COMMIT.id


def test_an_upload_is_sent_again_only_after_a_question(world: World) -> None:
    wanted = ReleaseRequest(app="shop", kind=Kind.UPLOAD)
    button = failed(world, releases.request(world.services, Actor("admin"), wanted))
    boss = world.session_of(Role.SUPER_ADMIN)
    page = boss.client.get(button.rpartition("/")[0]).text
    assert f'<form method="post" action="{button}" class="card ask-panel">' in page


def test_whoever_may_not_change_the_app_has_no_such_button(world: World) -> None:
    button = failed(world, world.first)
    member = world.session_of(Role.MEMBER)
    assert button not in member.client.get(f"/releases/{world.first}").text
    member.send(button)
    assert node_of_app(world) is None
    assert newest(world).id == world.first


def test_another_failure_has_no_such_button(world: World) -> None:
    button = failed(world, world.first, Problem.BUILD_FAILED)
    boss = world.session_of(Role.SUPER_ADMIN)
    assert button not in boss.client.get(f"/releases/{world.first}").text


def test_a_program_names_the_node(world: World) -> None:
    address = failed(world, world.first)
    ci = program(world, Role.ADMIN)
    assert ci.call("GET", f"/releases/{world.first}", 200)["node_version"] == "20.20.2"
    assert ci.call("POST", address, 422, json={"node": "sixteen"})["problem"] == "node_shape"
    made = ci.call("POST", address, 201, json={"node": "lts/gallium"})
    assert (made["ref"], made["ref_name"]) == (COMMIT.id, "main")
    assert node_of_app(world) == "lts/gallium"
