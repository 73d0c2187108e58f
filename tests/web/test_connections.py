"""Real sockets at a real server: whoever is silent, slow or too many is closed, and nobody else."""

import asyncio
import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
import uvicorn
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from mprelease.domain.users import Role
from mprelease.web.connection_limits import ConnectionGuard, ConnectionLimits, Quota, trusting
from mprelease.web.guarded_server import GuardedConfig
from web_clients import Site

pytestmark = pytest.mark.lasting

QUICK = ConnectionLimits(
    head_seconds=0.5, body_seconds=0.5, stalled_seconds=0.5, sweep_seconds=0.05
)
PATIENT = ConnectionLimits(sweep_seconds=0.05)
DEADLINE = 10.0


@pytest.fixture(params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def serving(
    app: object, limits: ConnectionLimits, trusted: tuple[str, ...] = ()
) -> Iterator[tuple[int, ConnectionGuard]]:
    guard = ConnectionGuard(limits, trusted)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(4_096)
        config = GuardedConfig(
            app,
            guard,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1], guard
        finally:
            wait_until(lambda: server.started)
            server.should_exit = True
            thread.join(DEADLINE)


def connected(stack: ExitStack, port: int, sent: bytes = b"") -> socket.socket:
    made = stack.enter_context(socket.create_connection(("127.0.0.1", port), DEADLINE))
    made.settimeout(DEADLINE)
    made.sendall(sent)
    return made


def is_ended(connection: socket.socket) -> bool:
    """Wait for the end; what is said before it does not matter."""
    try:
        while connection.recv(65_536):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


def status(port: int, path: str = "/healthz") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().status


HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
UPGRADE = (
    HEAD + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
POST = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"G",
        HEAD,
        POST + b"Content-Length: 100\r\n\r\nname=x",
        POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nname=",
        HEAD + b"\r\n",
        HEAD + b"\r\nG",
    ],
    ids=["nothing", "letter", "half a head", "half a body", "chunk", "one request", "and a bit"],
)
def test_a_connection_without_a_whole_request_is_closed_soon(site: Site, sent: bytes) -> None:
    with serving(site.app, QUICK) as (port, guard), ExitStack() as stack:
        assert is_ended(connected(stack, port, sent))
        assert status(port) == 200
        wait_until_none(guard)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_until_none(guard: ConnectionGuard) -> None:
    wait_until(lambda: not (guard.requests.tracked or guard.sockets.tracked))
    assert not guard.requests.of_address
    assert not guard.sockets.of_address


def test_a_byte_now_and_then_keeps_no_connection_open(site: Site) -> None:
    with serving(site.app, QUICK) as (port, _), ExitStack() as stack:
        slow = connected(stack, port, b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
        slow.settimeout(0.05)
        began = time.monotonic()
        while not is_ended_by_now(slow):
            assert time.monotonic() - began < DEADLINE


def is_ended_by_now(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"x")
        return not connection.recv(100)
    except TimeoutError:
        return False
    except OSError:
        return True


def test_3000_silent_connections_leave_room_for_whoever_asks_something(site: Site) -> None:
    limits = replace(PATIENT, requests=Quota(2_000, 500))
    with serving(site.app, limits) as (port, guard), ExitStack() as stack:
        for _ in range(3_000):
            connected(stack, port)
        assert status(port) == 200
        assert len(guard.requests.tracked) <= 500


def test_a_crowd_of_watchers_that_comes_while_the_server_is_busy_is_let_in() -> None:
    """Whose request waits to be read is not silent: after a restart all of them come at once."""
    is_busy, may_go_on = threading.Event(), threading.Event()

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})  # type: ignore[operator]
        else:
            is_busy.set()
            may_go_on.wait(DEADLINE)
        await asyncio.Event().wait()

    limits = replace(PATIENT, requests=Quota(2_000, 20))
    with serving(app, limits) as (port, guard), ExitStack() as stack:
        connected(stack, port, HEAD + b"\r\n")
        assert is_busy.wait(DEADLINE)
        connections = [connected(stack, port, UPGRADE) for _ in range(200)]
        silent = [connected(stack, port) for _ in range(100)]
        may_go_on.set()
        assert {one.recv(100)[:12] for one in connections} == {b"HTTP/1.1 101"}
        wait_for_requests(guard, 20)
        assert is_ended(silent[0])


def test_who_asks_behind_more_silent_ones_than_there_is_room_for_is_answered() -> None:
    """All of them came before the first one could be read."""
    is_busy, may_go_on = threading.Event(), threading.Event()

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        if not may_go_on.is_set():
            is_busy.set()
            may_go_on.wait(DEADLINE)
        await send({"type": "http.response.start", "status": 204, "headers": []})  # type: ignore[operator]
        await send({"type": "http.response.body"})  # type: ignore[operator]

    with serving(app, replace(PATIENT, requests=Quota(20, 500))) as (port, _), ExitStack() as stack:
        connected(stack, port, HEAD + b"\r\n")
        assert is_busy.wait(DEADLINE)
        for _ in range(60):
            connected(stack, port)
        last = connected(stack, port, HEAD + b"\r\n")
        may_go_on.set()
        assert last.recv(100)[:12] == b"HTTP/1.1 204"


def test_the_longest_silent_one_makes_room_and_one_that_works_does_not() -> None:
    async def app(scope: object, receive: object, send: object) -> None:
        await asyncio.Event().wait()

    limits = replace(PATIENT, requests=Quota(100, 2))
    with serving(app, limits) as (port, guard), ExitStack() as stack:
        working = connected(stack, port, HEAD + b"\r\n")
        wait_for_requests(guard, 1)
        silent = connected(stack, port)
        wait_for_requests(guard, 2)
        second = connected(stack, port, HEAD + b"\r\n")
        assert is_ended(silent)
        refused = connected(stack, port, HEAD + b"\r\n")
        assert refused.recv(100).startswith(b"HTTP/1.1 503")
        assert is_ended(refused)
        for each in (working, second):
            each.settimeout(0.1)
            with pytest.raises(TimeoutError):
                each.recv(1)


def wait_for_requests(guard: ConnectionGuard, count: int) -> None:
    wait_until(lambda: len(guard.requests.tracked) == count)


def test_a_trusted_proxy_brings_as_many_connections_as_there_is_room_for(site: Site) -> None:
    limits = replace(PATIENT, requests=Quota(40, 2))
    with (
        serving(site.app, limits, ("10.0.0.0/8", "127.0.0.1")) as (port, guard),
        ExitStack() as stack,
    ):
        for _ in range(30):
            connected(stack, port)
        wait_for_requests(guard, 30)


def test_whoever_takes_nothing_of_what_is_sent_is_cut_off() -> None:
    ended = threading.Event()

    async def app(scope: object, receive: object, send: object) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": []}
        await send(start)  # type: ignore[operator]
        for _ in range(1_000):
            part = {"type": "http.response.body", "body": bytes(2**16), "more_body": True}
            await send(part)  # type: ignore[operator]
        ended.set()

    with serving(app, QUICK) as (port, guard), ExitStack() as stack:
        connected(stack, port, HEAD + b"\r\n")
        wait_until_none(guard)


def test_a_socket_of_a_stranger_is_refused_at_once(site: Site) -> None:
    with serving(site.app, PATIENT) as (port, guard):
        with pytest.raises(InvalidStatus) as refused:
            connect(f"ws://127.0.0.1:{port}/api/v1/live")
        assert refused.value.response.status_code == 403
        wait_until_none(guard)


def test_a_socket_of_a_watcher_stays_open_and_counts_until_it_is_closed(site: Site) -> None:
    cookie = {"Cookie": f"mprelease={site.logged_in(Role.VIEWER).client.cookies['mprelease']}"}
    limits = replace(QUICK, sockets=Quota(10, 2))
    with serving(site.app, limits) as (port, guard):
        address = f"ws://127.0.0.1:{port}/api/v1/live"
        with (
            connect(address, additional_headers=cookie) as one,
            connect(address, additional_headers=cookie),
        ):
            with pytest.raises(InvalidStatus) as refused:
                connect(address, additional_headers=cookie)
            assert refused.value.response.status_code == 503
            # Longer than a request may take.
            with pytest.raises(TimeoutError):
                one.recv(timeout=1.0)
            one.send('{"states": true}')
            assert '"whole":true' in str(one.recv(timeout=DEADLINE))
        wait_until_none(guard)


def test_a_socket_that_nobody_accepts_is_closed() -> None:
    async def app(scope: object, receive: object, send: object) -> None:
        await asyncio.Event().wait()

    with serving(app, QUICK) as (port, guard), ExitStack() as stack:
        assert is_ended(connected(stack, port, UPGRADE))
        wait_until_none(guard)


@pytest.mark.parametrize(
    ("proxies", "address", "is_trusted"),
    [
        ((), "127.0.0.1", False),
        (("127.0.0.1",), "127.0.0.1", True),
        (("10.0.0.0/8",), "10.1.2.3", True),
        (("10.0.0.0/8",), "11.1.2.3", False),
        (("::1",), "::1", True),
        (("*",), "198.51.100.7", True),
        (("proxy.example",), "198.51.100.7", False),
        (("10.0.0.0/8",), "", False),
    ],
)
def test_a_proxy_is_trusted_by_address_or_network(
    proxies: tuple[str, ...], address: str, *, is_trusted: bool
) -> None:
    assert trusting(proxies)(address) is is_trusted


def test_limits_fit_into_the_files_that_may_be_open() -> None:
    limits = ConnectionLimits().within(1_024)
    assert limits.requests.most + limits.sockets.most < 1_024 - 150
    assert ConnectionLimits().within(1_000_000) == ConnectionLimits()
