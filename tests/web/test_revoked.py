"""A change of somebody ends what that one has open: sockets, logins and tokens, at once."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from databases import KINDS
from guests import NAMES, World
from mprelease.domain.people import Role, User
from mprelease.live.hub import Hub
from mprelease.services import door, users
from mprelease.services.house import House
from mprelease.services.users import UserChange
from mprelease.storage.database import Database
from mprelease.storage.keys import KeyKind
from mprelease.web import crowd
from mprelease.web.app import made
from mprelease.web.hall import Hall
from mprelease.web.telling import StoredForWatchers
from programs import program

pytestmark = pytest.mark.lasting

ADDRESS = "/api/v1/live"
Change = Callable[[House, User, User], object]

CHANGES: dict[str, Change] = {
    "role": lambda house, boss, who: users.edit(house, boss, who.id, UserChange(role=Role.VIEWER)),
    "disabled": lambda house, boss, who: users.edit(
        house, boss, who.id, UserChange(is_disabled=True)
    ),
    "reset": lambda house, boss, who: users.reset_password(house, boss.actor, who.id),
    "deleted": lambda house, boss, who: users.remove(house, boss, who.id),
}


def people(house: House) -> tuple[User, User]:
    with house.database.reading() as db:
        return users.named(db, "admin"), users.named(db, NAMES[Role.MEMBER])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_sockets_logins_and_tokens_of_a_changed_user_end_within_a_second_on_every_node(
    world: World, database_url: str, change: Change
) -> None:
    boss, who = people(world.house)
    browser, other = world.visitor(Role.MEMBER), world.visitor(Role.VIEWER)
    token = door.add_token(world.house, who, "ci", 7)
    bearer = {"authorization": f"Bearer {token}"}
    cookie = {"mprelease": browser.client.cookies["mprelease"]}
    elsewhere = replace(world.house, database=Database(database_url))
    node = TestClient(
        made(Hall(elsewhere, None, None, lambda: True, Hub(StoredForWatchers(elsewhere)))),  # type: ignore[arg-type]
        base_url="http://testserver",
        cookies=cookie,
    )
    with ExitStack() as stack:
        for client in (browser.client, node, other.client):
            stack.enter_context(client)
        sockets = [
            stack.enter_context(browser.client.websocket_connect(ADDRESS)),
            stack.enter_context(node.websocket_connect(ADDRESS)),
            stack.enter_context(node.websocket_connect(ADDRESS, headers=bearer)),
        ]
        untouched = stack.enter_context(other.client.websocket_connect(ADDRESS))
        began = time.monotonic()
        change(world.house, boss, who)
        for socket in sockets:
            with pytest.raises(WebSocketDisconnect) as ended:
                socket.receive_json()
            assert ended.value.code == 1008
        # A second, and what a busy machine needs to say so.
        assert time.monotonic() - began < 2.0
        assert node.get("/", follow_redirects=False).status_code == 303
        assert browser.client.get("/", follow_redirects=False).status_code == 303
        assert door.visit(elsewhere, token, KeyKind.TOKEN) is None
        untouched.send_json({"states": True})
        assert untouched.receive_json()["whole"] is True
    elsewhere.database.close()


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_password_reset_by_the_command_line_ends_the_sockets_of_a_running_node(
    world: World, database_url: str, tmp_path: Path
) -> None:
    browser = world.visitor(Role.MEMBER)
    environment = {
        **os.environ,
        "MPRELEASE_DATA_DIR": str(tmp_path / "data"),
        "MPRELEASE_DATABASE_URL": database_url,
        "MPRELEASE_CONFIG": str(tmp_path / "none.toml"),
    }
    command = (sys.executable, "-m", "mprelease", "user", "reset-password", NAMES[Role.MEMBER])
    with browser.client, browser.client.websocket_connect(ADDRESS) as socket:
        subprocess.run(command, env=environment, check=True, capture_output=True)
        began = time.monotonic()
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_json()
        assert (ended.value.code, time.monotonic() - began < 2.0) == (1008, True)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_ones_own_new_password_ends_all_but_the_login_that_chose_it(world: World) -> None:
    here, there = world.visitor(Role.MEMBER), world.visitor(Role.MEMBER)
    with there.client, there.client.websocket_connect(ADDRESS) as socket:
        here.send("/profile/password", old="correct horse battery", new="another battery")
        with pytest.raises(WebSocketDisconnect):
            socket.receive_json()
    assert there.client.get("/", follow_redirects=False).status_code == 303
    assert here.client.get("/", follow_redirects=False).status_code == 200


@pytest.mark.parametrize("kind", ["sqlite"])
def test_the_socket_guard_outlives_what_nobody_foresaw(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Issue 12, number 2; the other loops are in tests/engine/test_loops.py."""
    real, times = crowd._still_looking, count()

    def failing(database: Database, key_ids: set[int]) -> set[int]:
        if next(times) < 2:
            raise ZeroDivisionError
        return real(database, key_ids)

    monkeypatch.setattr(crowd, "_still_looking", failing)
    boss, who = people(world.house)
    browser = world.visitor(Role.MEMBER)
    with browser.client, browser.client.websocket_connect(ADDRESS) as socket:
        CHANGES["role"](world.house, boss, who)
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_json()
    assert ended.value.code == 1008
    hall: Hall = world.app.state.hall
    assert hall.loops.failures.by_loop() == {"socket guard": 2}
    assert "the loop socket guard failed" in caplog.text
    boss_program = program(world, Role.ADMIN)
    page = boss_program.client.get(
        "/api/v1/metrics", headers={"authorization": f"Bearer {boss_program.token}"}
    )
    assert 'mprelease_loop_failures_total{loop="socket guard"} 2\n' in page.text
