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

from api_clients import api_client
from databases import KINDS
from mprelease.domain.users import Role, User
from mprelease.live.hub import Hub
from mprelease.schemas.users import UserChange
from mprelease.services import sessions, users
from mprelease.services.context import ServiceContext
from mprelease.storage.access_keys import KeyKind
from mprelease.storage.database import Database
from mprelease.web import connections
from mprelease.web.app import create_app
from mprelease.web.context import WebContext
from mprelease.web.live_source import StoredState
from web_clients import NAMES, Site

pytestmark = pytest.mark.lasting

ADDRESS = "/api/v1/live"
Change = Callable[[ServiceContext, User, User], object]

CHANGES: dict[str, Change] = {
    "role": lambda services, boss, who: users.edit(
        services, boss, who.id, UserChange(role=Role.VIEWER)
    ),
    "disabled": lambda services, boss, who: users.edit(
        services, boss, who.id, UserChange(is_disabled=True)
    ),
    "reset": lambda services, boss, who: users.reset_password(services, boss.actor, who.id),
    "deleted": lambda services, boss, who: users.remove(services, boss, who.id),
}


def admin_and_member(services: ServiceContext) -> tuple[User, User]:
    with services.database.reading() as db:
        return users.by_name(db, "admin"), users.by_name(db, NAMES[Role.MEMBER])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_sockets_logins_and_tokens_of_a_changed_user_end_within_a_second_on_every_node(
    site: Site, database_url: str, change: Change
) -> None:
    boss, who = admin_and_member(site.services)
    browser, other = site.logged_in(Role.MEMBER), site.logged_in(Role.VIEWER)
    token = sessions.add_token(site.services, who, "ci", 7)
    bearer = {"authorization": f"Bearer {token}"}
    cookie = {"mprelease": browser.client.cookies["mprelease"]}
    elsewhere = replace(site.services, database=Database(database_url))
    node = TestClient(
        create_app(WebContext(elsewhere, None, None, lambda: True, Hub(StoredState(elsewhere)))),  # type: ignore[arg-type]
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
        change(site.services, boss, who)
        for socket in sockets:
            with pytest.raises(WebSocketDisconnect) as ended:
                socket.receive_json()
            assert ended.value.code == 1008
        # A second, and what a busy machine needs to say so.
        assert time.monotonic() - began < 2.0
        assert node.get("/", follow_redirects=False).status_code == 303
        assert browser.client.get("/", follow_redirects=False).status_code == 303
        assert sessions.find(elsewhere, token, KeyKind.TOKEN) is None
        untouched.send_json({"states": True})
        assert untouched.receive_json()["whole"] is True
    elsewhere.database.close()


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_password_reset_by_the_command_line_ends_the_sockets_of_a_running_node(
    site: Site, database_url: str, tmp_path: Path
) -> None:
    browser = site.logged_in(Role.MEMBER)
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
def test_ones_own_new_password_ends_all_but_the_login_that_chose_it(site: Site) -> None:
    here, there = site.logged_in(Role.MEMBER), site.logged_in(Role.MEMBER)
    with there.client, there.client.websocket_connect(ADDRESS) as socket:
        here.send("/profile/password", old="correct horse battery", new="another battery")
        with pytest.raises(WebSocketDisconnect):
            socket.receive_json()
    assert there.client.get("/", follow_redirects=False).status_code == 303
    assert here.client.get("/", follow_redirects=False).status_code == 200


@pytest.mark.parametrize("kind", ["sqlite"])
def test_the_socket_guard_outlives_what_nobody_foresaw(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Issue 12, number 2; the other loops are in tests/engine/test_loops.py."""
    real, times = connections._valid_keys, count()

    def failing(database: Database, key_ids: set[int]) -> set[int]:
        if next(times) < 2:
            raise ZeroDivisionError
        return real(database, key_ids)

    monkeypatch.setattr(connections, "_valid_keys", failing)
    boss, who = admin_and_member(site.services)
    browser = site.logged_in(Role.MEMBER)
    with browser.client, browser.client.websocket_connect(ADDRESS) as socket:
        CHANGES["role"](site.services, boss, who)
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_json()
    assert ended.value.code == 1008
    context: WebContext = site.app.state.context
    assert context.loops.failures.by_loop() == {"socket guard": 2}
    assert "the loop socket guard failed" in caplog.text
    boss_program = api_client(site, Role.ADMIN)
    page = boss_program.client.get(
        "/api/v1/metrics", headers={"authorization": f"Bearer {boss_program.token}"}
    )
    assert 'mprelease_loop_failures_total{loop="socket guard"} 2.0\n' in page.text
