"""Whoever watches a log hears every line once, in order, and only while allowed to look."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from starlette.testclient import WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from databases import KINDS
from mprelease.domain.logs import LogLine, Position
from mprelease.domain.releases import Kind, Stage, State
from mprelease.domain.users import Actor, Role
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import releases
from mprelease.storage import logs, queue
from mprelease.storage.queue import Lease
from mprelease.web import live_socket
from mprelease.web.context import WebContext
from web_clients import BrowserClient, Site

pytestmark = pytest.mark.lasting

ADDRESS = "/api/v1/live"


def line(number: int, attempt: int = 1) -> LogLine:
    return LogLine(Position(attempt, number), 0, Stage.BUILD, f"{attempt}-{number}")


def write(site: Site, lines: list[LogLine]) -> None:
    with site.services.database.writing() as db:
        logs.append(db, site.first, lines)


def publish(site: Site, lines: list[LogLine]) -> None:
    context: WebContext = site.app.state.context
    for each in lines:
        context.hub.line_written(site.first, each)


def claimed(site: Site, token: str = "token") -> Lease:
    lease = queue.claim(site.services.database, site.first, "worker", token)
    assert lease
    return lease


def end(site: Site, lease: Lease) -> None:
    with site.services.database.writing() as db:
        queue.end(db, lease, State.SUCCEEDED)
    context: WebContext = site.app.state.context
    context.hub.ended(site.first)


@contextmanager
def watching(
    browser: BrowserClient, release: int, after: tuple[int, int] = (0, 0)
) -> Iterator[WebSocketTestSession]:
    # One event loop for all sockets of a browser, as a server has.
    with browser.client, browser.client.websocket_connect(ADDRESS) as socket:
        socket.send_json({"log": release, "attempt": after[0], "line": after[1]})
        yield socket


def received(socket: WebSocketTestSession, count: int) -> list[str]:
    """Wait for so many lines."""
    texts: list[str] = []
    while len(texts) < count:
        texts += texts_of(socket.receive_json())
    return texts


def texts_of(update: Any) -> list[str]:
    return [text for passage in update["passages"] for text in passage[3]]


@pytest.fixture(autouse=True)
def _without_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep it out of what a slow machine hears."""
    monkeypatch.setattr(live_socket, "_ALIVE_SECONDS", 3600.0)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_server_that_has_nothing_to_tell_says_that_it_lives(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_socket, "_ALIVE_SECONDS", 0.01)
    with watching(site.logged_in(Role.VIEWER), site.first) as socket:
        assert [socket.receive_json() for _ in range(2)] == [{"alive": True}] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_stored_and_fresh_lines_are_joined_without_a_seam(site: Site) -> None:
    lease = claimed(site)
    lines = [line(number) for number in range(1, 41)]
    publish(site, lines[:20])
    write(site, lines[:15])
    with watching(site.logged_in(Role.VIEWER), site.first, (1, 5)) as socket:
        assert received(socket, 15) == [each.text for each in lines[5:20]]
        publish(site, lines[20:])
        assert received(socket, 20) == [each.text for each in lines[20:]]
        write(site, lines)
        end(site, lease)
        update = socket.receive_json()
        assert (update["passages"], update["over"]) == ([], True)


@pytest.mark.parametrize("kind", KINDS)
def test_what_another_process_writes_comes_from_the_storage(site: Site) -> None:
    claimed(site)
    write(site, [line(1), line(2)])
    with watching(site.logged_in(Role.VIEWER), site.first) as socket:
        assert received(socket, 2) == ["1-1", "1-2"]
        write(site, [line(3)])
        assert received(socket, 1) == ["1-3"]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_lines_that_died_with_their_writer_are_taken_back(site: Site) -> None:
    lease = claimed(site)
    write(site, [line(1), line(2)])
    with site.services.database.writing() as db:
        queue.requeue(db, lease)
    claimed(site, "another")
    write(site, [line(1, 2)])
    with watching(site.logged_in(Role.VIEWER), site.first, (1, 4)) as socket:
        update = socket.receive_json()
        assert (update["cut"], texts_of(update)) == ([1, 2], ["2-1"])


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_position_that_cannot_be_harms_nobody_else(site: Site) -> None:
    claimed(site)
    browser = site.logged_in(Role.VIEWER)
    with watching(browser, site.first, (99, 7)) as liar:
        with browser.client.websocket_connect(ADDRESS) as socket:
            socket.send_json({"log": site.first})
            publish(site, [line(1), line(2)])
            assert received(socket, 2) == ["1-1", "1-2"]
        update = liar.receive_json()
        assert update["cut"] == [99, 0]


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("message", ["{", '{"log": -1}', '{"log": 1, "line": 9e99}', "[]", '"x"'])
def test_what_cannot_be_read_ends_the_socket(site: Site, message: str) -> None:
    browser = site.logged_in(Role.VIEWER)
    with browser.client.websocket_connect(ADDRESS) as socket:
        socket.send_text(message)
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_json()
    assert ended.value.code == 1007


@pytest.mark.parametrize("kind", ["sqlite"])
def test_strangers_and_other_sites_hear_nothing(site: Site) -> None:
    viewer = site.logged_in(Role.VIEWER).client
    foreign = {"origin": "https://evil.example"}
    for client, headers in ((site.anonymous().client, {}), (viewer, foreign)):
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect(ADDRESS, headers=headers),
        ):
            pass
    with viewer.websocket_connect(ADDRESS, headers={"origin": "http://testserver"}):
        pass


@pytest.mark.parametrize("kind", ["sqlite"])
def test_logging_out_ends_the_socket(site: Site) -> None:
    browser = site.logged_in(Role.VIEWER)
    csrf = browser.csrf
    with watching(browser, site.first) as socket:
        browser.client.post("/logout", data={"csrf": csrf})
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_json()
    assert ended.value.code == 1008


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_release_that_is_not_there_is_told_as_such(site: Site) -> None:
    with (
        watching(site.logged_in(Role.VIEWER), 99_999) as socket,
        pytest.raises(WebSocketDisconnect) as ended,
    ):
        socket.receive_json()
    assert ended.value.code == 4404


def states_of(socket: WebSocketTestSession) -> dict[int, str]:
    return {one["id"]: one["state"] for one in socket.receive_json()["states"]}


@pytest.mark.parametrize("kind", KINDS)
def test_how_releases_stand_comes_whole_at_first_and_then_what_changes(site: Site) -> None:
    browser = site.logged_in(Role.VIEWER)
    boss = Actor("admin")
    with browser.client, browser.client.websocket_connect(ADDRESS) as socket:
        socket.send_json({"states": True})
        whole = socket.receive_json()
        assert whole["whole"] is True
        assert [(one["id"], one["app"], one["requested_by"]) for one in whole["states"]] == [
            (site.first, "shop", "admin")
        ]
        lease = claimed(site)
        assert states_of(socket) == {site.first: "running"}
        second = releases.request(
            site.services, boss, ReleaseRequest(app="shop", kind=Kind.PREVIEW)
        )
        assert states_of(socket) == {second: "queued"}
        end(site, lease)
        # The second one waited for the first, and waits for a worker now.
        assert states_of(socket) == {site.first: "succeeded", second: "queued"}
        releases.cancel(site.services, boss, second)
        assert states_of(socket) == {second: "canceled"}
        third = releases.request(site.services, boss, ReleaseRequest(app="shop", kind=Kind.PREVIEW))
        releases.cancel(site.services, boss, third)
        while states_of(socket) != {third: "canceled"}:
            pass


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_stage_that_begins_is_told_with_its_time(site: Site) -> None:
    browser = site.logged_in(Role.VIEWER)
    lease = claimed(site)
    with browser.client, browser.client.websocket_connect(ADDRESS) as socket:
        socket.send_json({"states": True})
        socket.receive_json()
        with site.services.database.writing() as db:
            queue.start_stage(db, lease, Stage.CHECKOUT, 5)
        [release] = socket.receive_json()["states"]
        assert release["stages"][0] == {
            "name": "checkout",
            "state": "running",
            "started_at": "1970-01-01T00:00:00.005000Z",
            "ended_at": None,
            "cached": False,
        }


@pytest.mark.parametrize("kind", ["sqlite"])
def test_one_socket_tells_a_log_and_the_states_until_one_is_wished_no_more(site: Site) -> None:
    claimed(site)
    browser = site.logged_in(Role.VIEWER)
    with watching(browser, site.first) as socket:
        socket.send_json({"states": True})
        assert socket.receive_json()["whole"] is True
        publish(site, [line(1)])
        assert received(socket, 1) == ["1-1"]
        socket.send_json({"log": None})
        socket.send_json({"states": False})
        socket.send_json({"states": True})
        assert socket.receive_json()["whole"] is True
        publish(site, [line(2)])
        socket.send_json({"log": site.first, "attempt": 1, "line": 1})
        assert received(socket, 1) == ["1-2"]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_program_that_has_lost_count_of_its_sockets_gets_no_more(site: Site) -> None:
    viewer, member = site.logged_in(Role.VIEWER).client, site.logged_in(Role.MEMBER).client
    with viewer, ExitStack() as open_ones:
        for _ in range(200):
            open_ones.enter_context(viewer.websocket_connect(ADDRESS))
        with (
            viewer.websocket_connect(ADDRESS) as socket,
            pytest.raises(WebSocketDisconnect) as ended,
        ):
            socket.receive_json()
        assert ended.value.code == 4429
        with member.websocket_connect(ADDRESS) as socket:
            socket.send_json({"states": True})
            assert socket.receive_json()["whole"] is True
