"""Whatever fails in a loop that must live on, it lives on: logged, counted, and without a rush.

Issue 12, number 2.
"""

import ast
import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

import mprelease
from light_pipeline import light, make_worker
from mprelease.domain.logs import LogLine
from mprelease.domain.releases import State
from mprelease.domain.worker_queries import WorkerQuery, WorkerQueryKind
from mprelease.engine import worker as worker_module
from mprelease.engine.dispatch import Dispatch
from mprelease.engine.recorder import Broadcast
from mprelease.engine.worker import Worker, WorkerConfig
from mprelease.engine.worker_queries import QueryHandler
from mprelease.live.hub import Hub
from mprelease.live.relay import Publisher, Subscriber
from mprelease.live.state_feed import StateFeed
from mprelease.services import worker_queries
from mprelease.storage import workers
from mprelease.storage.outage import OUTAGE
from mprelease.supervision import Backoff, LoopSupervisor
from worker_pool import WorkerPool, wait_until

pytestmark = pytest.mark.lasting
SOURCE = Path(mprelease.__file__).parent
TIMES = 3


class Unforeseen(Exception):
    """What nobody thought of."""


def failing(real: Callable[..., Any], times: int = TIMES) -> Callable[..., Any]:
    """Return the same function, which raises at its first calls."""
    calls = count()

    def broken(*arguments: Any, **named: Any) -> Any:
        if next(calls) < times:
            raise Unforeseen
        return real(*arguments, **named)

    return broken


def failing_awaited(real: Callable[..., Any]) -> Callable[..., Any]:
    calls = count()

    async def broken(*arguments: Any) -> None:
        if next(calls) < TIMES:
            raise Unforeseen
        await real(*arguments)

    return broken


@pytest.fixture
def kind() -> str:
    return "sqlite"


@pytest.fixture
def loops() -> LoopSupervisor:
    return LoopSupervisor(OUTAGE, Backoff(0.01, 0.05))


@pytest.fixture
def scene(
    pool: WorkerPool, loops: LoopSupervisor, monkeypatch: pytest.MonkeyPatch
) -> tuple[WorkerPool, LoopSupervisor, pytest.MonkeyPatch]:
    return pool, loops, monkeypatch


def working(pool: WorkerPool, loops: LoopSupervisor) -> Worker:
    config = WorkerConfig("one", ("default",), 1, 0, 3000)
    worker = make_worker(
        pool.services, pool.folder / "one", light(pool.ledger), config, loops=loops
    )
    pool.workers.append(worker)
    worker.start()
    return worker


Patch = pytest.MonkeyPatch


def slot(pool: WorkerPool, loops: LoopSupervisor, patch: Patch, _: str) -> None:
    patch.setattr(worker_module, "claim_next", failing(worker_module.claim_next))
    working(pool, loops)
    pool.becomes(pool.request(), State.SUCCEEDED)


def standby_loop(pool: WorkerPool, loops: LoopSupervisor, patch: Patch, _: str) -> None:
    real, refilled = worker_module.queued_platforms, threading.Event()

    def queued_platforms(*arguments: Any) -> Any:
        refilled.set()
        return real(*arguments)

    patch.setattr(worker_module, "queued_platforms", failing(queued_platforms))
    working(pool, loops)
    assert refilled.wait(10)


def query_loop(pool: WorkerPool, loops: LoopSupervisor, patch: Patch, _: str) -> None:
    patch.setattr(QueryHandler, "claim", failing(QueryHandler.claim))
    working(pool, loops)
    query = WorkerQuery(WorkerQueryKind.ADDRESS)
    assert worker_queries.ask(pool.services, "default", query, seconds=20, max_age=0).problem_detail


def worker_tick(pool: WorkerPool, loops: LoopSupervisor, patch: Patch, _: str) -> None:
    patch.setattr(worker_module, "TICK_SECONDS", 0.01)
    patch.setattr(worker_module, "reconcile", failing(worker_module.reconcile))
    working(pool, loops)

    def failures() -> int:
        with pool.services.database.reading() as db:
            return workers.every(db)[0].loop_failures

    wait_until(lambda: failures() >= TIMES)
    # Nobody rings: the tick alone finds the work.
    pool.becomes(pool.request(), State.SUCCEEDED)


def wake_up_sender(pool: WorkerPool, loops: LoopSupervisor, patch: Patch, redis_url: str) -> None:
    dispatch, received = Dispatch(redis_url, loops), threading.Event()
    try:
        patch.setattr(dispatch._broker, "enqueue", failing(dispatch._broker.enqueue))
        dispatch.listen(("default",), lambda: received.set() or True)
        for _ in range(TIMES + 1):
            dispatch.wake("default")
        assert received.wait(10)
    finally:
        dispatch.close()


def watcher(pool: WorkerPool, loops: LoopSupervisor, patch: Patch, _: str) -> None:
    patch.setattr(StateFeed, "poll", failing_awaited(StateFeed.poll))

    class Stored:
        def newest(self) -> int:
            return 1

        def since(self, *_: object) -> list[Any]:
            return []

        open = unserved = since

    async def watch() -> None:
        async with asyncio.timeout(10), Hub(Stored(), loops=loops).watching_all() as state_feed:  # type: ignore[arg-type]
            await state_feed.after(0)

    asyncio.run(watch())


class ReleaseUpdate:
    """Keep which releases have changed elsewhere."""

    def __init__(self) -> None:
        self.changes: list[int | None] = []

    def lines_received(self, *_: object) -> None:
        pass

    def changed(self, release_id: int | None = None) -> None:
        self.changes.append(release_id)


def relay(pool: WorkerPool, loops: LoopSupervisor, patch: Patch, redis_url: str) -> None:
    received = ReleaseUpdate()

    async def listen() -> None:
        ours = redis_url, "us", bytes(32), loops
        publisher, subscriber = Publisher(*ours), Subscriber(*ours)
        async with asyncio.timeout(20), subscriber.subscribed(None, received):
            while 7 not in received.changes:
                publisher.changed(7)
                await asyncio.sleep(0.02)
        await asyncio.to_thread(publisher.close)

    asyncio.run(listen())


def relay_sender(pool: WorkerPool, loops: LoopSupervisor, patch: Patch, redis_url: str) -> None:
    patch.setattr(Publisher, "_publish", failing(Publisher._publish))
    relay(pool, loops, patch, redis_url)


def relay_listener(pool: WorkerPool, loops: LoopSupervisor, patch: Patch, redis_url: str) -> None:
    patch.setattr(Redis, "from_url", failing(Redis.from_url))
    relay(pool, loops, patch, redis_url)


# The socket guard's is in tests/web/test_revoked.py, that of calls in test_local_dispatch.py.
LOOPS: dict[str, Callable[[WorkerPool, LoopSupervisor, Patch, str], None]] = {
    "slot": slot,
    "worker queries": query_loop,
    "standby": standby_loop,
    "worker tick": worker_tick,
    "wake-up sender": wake_up_sender,
    "watcher": watcher,
    "relay sender": relay_sender,
    "relay listener": relay_listener,
}
ELSEWHERE = {"socket guard", "cleanup", "wake-up calls"}
NEED_REDIS = {"wake-up sender", "relay sender", "relay listener"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=pytest.mark.servers if one in NEED_REDIS else ()) for one in LOOPS],
)
def test_each_loop_outlives_what_nobody_foresaw(
    name: str,
    scene: tuple[WorkerPool, LoopSupervisor, pytest.MonkeyPatch],
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
) -> None:
    url = request.getfixturevalue("redis_url") if name in NEED_REDIS else ""
    LOOPS[name](*scene, url)
    _, loops, _ = scene
    assert loops.failures.by_loop() == {name: TIMES}
    line_written = [one for one in caplog.records if one.levelno == logging.ERROR and one.exc_info]
    assert len(line_written) == TIMES
    assert f"the loop {name} failed" in line_written[0].getMessage()


def calls() -> Iterator[tuple[str, ast.Call]]:
    for file in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                yield str(file.relative_to(SOURCE)), node


def test_the_walk_knows_every_supervised_loop() -> None:
    names = {
        str(call.args[0].value)
        for _, call in calls()
        if ast.unparse(call.func).endswith((".thread", ".repeat", "start"))
        and len(call.args) >= 2
        and isinstance(call.args[0], ast.Constant)
    }
    assert names == LOOPS.keys() | ELSEWHERE


# Who starts threads and tasks that are no loops of the process: they end with what they serve, and
# somebody who waits for it hears how.
OWNED = {
    ("engine/query_pool.py", "threading.Thread"): "one query each; failures are reported",
    (
        "cli/follow.py",
        "threading.Thread",
    ): "a temporary worker; whoever follows hears its failure",
    ("cli/remote.py", "threading.Thread"): "each follows one release, into a future",
    ("cli/serve.py", "threading.Thread"): "begins the worker; its failure ends the process",
    ("cli/worker.py", "threading.Thread"): "waits for a second signal",
    ("engine/lease.py", "threading.Thread"): "keeps a lease; its failure ends the release",
    ("engine/release_traces.py", "ThreadPoolExecutor"): "one export each; its failure is reported",
    ("engine/slot.py", "threading.Timer"): "the time limit of a release",
    ("live/log_feed.py", "asyncio.ensure_future"): "one query, for all who wait for it",
    ("live/relay.py", "asyncio.create_task"): "supervised",
    ("live/poller.py", "asyncio.create_task"): "supervised",
    ("pipeline/credential_check.py", "threading.Thread"): "one check, whose end the release hears",
    ("pipeline/install_registries.py", "ThreadPoolExecutor"): "probes, whose failures map() raises",
    ("platforms/http.py", "threading.Timer"): "the time limit of requests",
    ("process/tree.py", "threading.Thread"): "reads a command; its failure is raised by wait()",
    ("simulator/proxy.py", "Thread"): "serves the simulated services of tests and demos",
    ("simulator/proxy.py", "asyncio.create_task"): "one connection; it ends with the simulator",
    ("source/git.py", "threading.Timer"): "the time limit of one reading",
    ("storage/clock.py", "threading.Thread"): "one reading; without it the clock goes on",
    ("supervision.py", "threading.Thread"): "supervised",
    ("web/connections.py", "asyncio.create_task"): "supervised",
    ("web/held_port.py", "threading.Thread"): "refuses connections while the process ends",
    ("web/live_socket.py", "asyncio.create_task"): "what a socket sends; a failure closes it",
}
STARTS = ("Thread", "Timer", "create_task", "ensure_future", "ThreadPoolExecutor", "run_coroutine")


def test_no_thread_and_no_task_is_started_by_anybody_else() -> None:
    found = {
        (file, ast.unparse(call.func))
        for file, call in calls()
        if ast.unparse(call.func).rpartition(".")[2] in STARTS
    }
    assert found == OWNED.keys()


class DeafHub:
    """A hub whose loop is closed."""

    def line_written(self, *_: object) -> None:
        raise RuntimeError("Event loop is closed")

    changed = ended = line_written


def test_a_listener_that_fails_harms_neither_the_release_nor_the_others(
    pool: WorkerPool, loops: LoopSupervisor
) -> None:
    """Issue 12, number 4."""
    lines: list[str] = []

    class Other:
        def line_written(self, _: int, line: LogLine) -> None:
            lines.append(line.text)

        def changed(self, _: int) -> None:
            pass

        ended = changed

    live = Broadcast(DeafHub(), Other(), loops=loops)
    config = WorkerConfig("one", ("default",), 1, 0, 3000)
    worker = make_worker(pool.services, pool.folder / "one", light(pool.ledger), config, live=live)
    pool.workers.append(worker)
    worker.start()
    pool.becomes(pool.request(), State.SUCCEEDED)
    pool.becomes(pool.request(), State.SUCCEEDED)
    assert "sending" in lines
    assert loops.failures.by_loop()["live view"] > len(lines)
