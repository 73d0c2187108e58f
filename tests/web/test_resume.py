"""Each watcher has the exact log, whatever comes between the writer and the watchers."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mprelease.domain.logs import START, LogLine, Position
from mprelease.domain.releases import Kind, Stage, State
from mprelease.domain.users import Actor
from mprelease.live.log_feed import LogFeed
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import releases
from mprelease.services.context import ServiceContext
from mprelease.storage import logs, queue
from mprelease.web.live_source import StoredState
from web_clients import Site

pytestmark = pytest.mark.lasting

BOSS = Actor("林")
STAGES = list(Stage)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 4), st.booleans()),
        st.tuples(st.sampled_from(["flush", "look", "wake", "die", "stage"])),
        st.tuples(st.just("break"), st.integers(0, 2)),
    ),
    max_size=40,
)

# Lines that were heard behind a gap, and died with their writer before they were stored.
RECEIVED_AND_LOST = [
    ("write", 2, False),
    ("look",),
    ("flush",),
    ("write", 2, True),
    ("die",),
]


class Inline(ThreadPoolExecutor):
    """Do at once what would be done in a thread, so that each example goes the same way."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class Writer:
    """A worker: its lines are told to the feed or lost on the way there, and stored later."""

    def __init__(self, services: ServiceContext, feed: LogFeed, release_id: int) -> None:
        self.services = services
        self.feed = feed
        self.release_id = release_id
        self.attempt = 0
        self.begin()

    def begin(self) -> None:
        self.attempt += 1
        lease = queue.claim(self.services.database, self.release_id, "w", f"t{self.attempt}")
        assert lease
        self.lease = lease
        self.line = 0
        self.stage = 0
        self.unstored: list[LogLine] = []

    def write(self, count: int, *, is_received: bool) -> None:
        numbers = range(self.line + 1, self.line + count + 1)
        lines = [
            LogLine(Position(self.attempt, n), 0, STAGES[self.stage], f"{self.attempt}-{n}")
            for n in numbers
        ]
        self.line += count
        self.unstored += lines
        if is_received:
            self.feed.line_written(lines)

    def flush(self) -> None:
        lines, self.unstored = self.unstored, []
        by_stage = {stage: [one for one in lines if one.stage is stage] for stage in STAGES}
        with self.services.database.writing() as db:
            for own in filter(None, by_stage.values()):
                logs.append(db, self.release_id, own)

    def next_stage(self) -> None:
        self.stage = min(self.stage + 1, len(STAGES) - 1)

    def die(self) -> None:
        with self.services.database.writing() as db:
            queue.requeue(db, self.lease)
        self.begin()

    def end(self) -> None:
        self.flush()
        with self.services.database.writing() as db:
            queue.end(db, self.lease, State.SUCCEEDED)


class Watcher:
    """A client of the protocol: it keeps its place when the connection breaks."""

    def __init__(self, feed: LogFeed) -> None:
        self.feed = feed
        self.log: list[str] = []
        self.position = START
        self.watching = asyncio.create_task(self.watch())

    async def watch(self) -> None:
        while True:
            update = await self.feed.after(self.position)
            if update.cut:
                self.log.clear()
                self.position = START
                continue
            self.log += [text for passage in update.passages for _, text in passage.entries]
            self.position = update.end(self.position)
            if update.over:
                return

    def break_off(self) -> None:
        if not self.watching.done():
            self.watching.cancel()
            self.watching = asyncio.create_task(self.watch())


async def play(
    services: ServiceContext, release_id: int, steps: list[tuple[Any, ...]]
) -> list[list[str]]:
    asyncio.get_running_loop().set_default_executor(Inline())
    feed = LogFeed(release_id, StoredState(services))
    writer = Writer(services, feed, release_id)
    watchers = [Watcher(feed) for _ in range(3)]
    actions: dict[str, Callable[..., object]] = {
        "write": lambda count, received: writer.write(count, is_received=received),
        "flush": writer.flush,
        "stage": writer.next_stage,
        "die": writer.die,
        "wake": feed.wake,
        "break": lambda number: watchers[number].break_off(),
    }
    for name, *details in steps:
        if name == "look":
            await feed.poll()
        else:
            actions[name](*details)
        for _ in range(5):
            await asyncio.sleep(0)
    writer.end()
    await feed.poll()
    async with asyncio.timeout(10):
        await asyncio.gather(*(watcher.watching for watcher in watchers))
    return [watcher.log for watcher in watchers]


@pytest.mark.parametrize("kind", ["sqlite"])
@given(steps=STEPS)
@example(steps=RECEIVED_AND_LOST)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_interleaving_gives_each_watcher_the_exact_log(
    site: Site, steps: list[tuple[Any, ...]]
) -> None:
    services = site.services
    release_id = releases.request(services, BOSS, ReleaseRequest(app="shop", kind=Kind.PREVIEW))
    received = asyncio.run(play(services, release_id, steps))
    with services.database.reading() as db:
        stored = [line.text for line in logs.after(db, release_id, START)]
    assert received == [stored] * 3
