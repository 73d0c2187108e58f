"""What fails in a socket, or who leaves it early, ends that socket alone."""

import asyncio

import pytest
from sqlalchemy.exc import OperationalError
from starlette.websockets import WebSocketDisconnect

from mprelease.domain.users import Role
from mprelease.web import live_socket
from mprelease.web.context import WebContext
from mprelease.web.live_source import StoredState
from test_live import ADDRESS, claimed, end, line, texts_of, watching, write
from web_clients import Site

pytestmark = pytest.mark.lasting


def fail(*_: object) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("subscription", ["log", "states"])
def test_a_task_that_fails_closes_its_socket_so_that_the_client_resumes(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, subscription: str
) -> None:
    """Issue 12, number 1."""
    lease = claimed(site)
    write(site, [line(1), line(2)])
    end(site, lease)
    browser = site.logged_in(Role.VIEWER)
    with monkeypatch.context() as broken:
        # One query, or whatever else stands behind what is told.
        broken.setattr(StoredState, "after", fail)
        broken.setattr(live_socket, "states_in_json", fail)
        with browser.client, browser.client.websocket_connect(ADDRESS) as socket:
            socket.send_json({subscription: site.first if subscription == "log" else True})
            with pytest.raises(WebSocketDisconnect) as ended:
                socket.receive_json()
    assert ended.value.code == 1011
    context: WebContext = site.app.state.context
    assert context.loops.failures.by_loop()[f"socket: {subscription}"] == 1
    assert any(record.exc_info for record in caplog.records if record.levelname == "ERROR")
    with watching(browser, site.first, (1, 1)) as socket:
        update = socket.receive_json()
    assert (texts_of(update), update["over"]) == (["1-2"], True)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_binary_frame_is_unreadable_and_nothing_else(site: Site) -> None:
    """Issue 12, number 4."""
    browser = site.logged_in(Role.VIEWER)
    with browser.client.websocket_connect(ADDRESS) as socket:
        socket.send_bytes(b"\xff\x00")
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_json()
    assert ended.value.code == 1007
    context: WebContext = site.app.state.context
    assert not context.loops.failures.total


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("where", ["_session", "Watcher"])
@pytest.mark.parametrize("error", [ZeroDivisionError(), OperationalError("", None, Exception())])
def test_an_error_in_the_sockets_route_is_told_and_closes_it(
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    where: str,
    error: Exception,
) -> None:
    """Issue 12, number 4: the pages' handler of errors raised in its turn."""

    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(live_socket, where, broken)
    browser = site.logged_in(Role.VIEWER)
    with (
        pytest.raises(WebSocketDisconnect) as ended,
        browser.client.websocket_connect(ADDRESS) as socket,
    ):
        socket.receive_json()
    assert ended.value.code == 1011
    assert any(record.exc_info for record in caplog.records if record.levelname == "ERROR")


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("role", [Role.VIEWER, None])
def test_who_leaves_before_the_socket_is_accepted_is_no_failure(
    site: Site, monkeypatch: pytest.MonkeyPatch, role: Role | None
) -> None:
    """A page that goes on at once; uvicorn tells it by an OSError, whichever answer was due."""

    async def disconnected(*_: object, **__: object) -> None:
        raise ConnectionResetError

    browser = site.logged_in(role) if role else site.anonymous()
    monkeypatch.setattr(live_socket.WebSocket, "send", disconnected)
    scope = {
        "type": "websocket",
        "path": ADDRESS,
        "raw_path": ADDRESS.encode(),
        "query_string": b"",
        "scheme": "ws",
        "headers": [
            (b"host", b"testserver"),
            (b"cookie", "; ".join(f"{n}={v}" for n, v in browser.client.cookies.items()).encode()),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
        "subprotocols": [],
    }

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    with browser.client:
        asyncio.run(site.app(scope, receive, disconnected))
    context: WebContext = site.app.state.context
    assert not context.loops.failures.total
