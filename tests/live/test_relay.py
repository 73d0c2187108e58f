"""What one node writes is heard at another at once, and Redis may come and go."""

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from itertools import count
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError

from mprelease.domain.logs import LogLine, Position
from mprelease.domain.releases import Stage
from mprelease.live.relay import Publisher, Subscriber, answers
from servers import redis_server
from silent_host import SilentHost

pytestmark = pytest.mark.servers


KEY = bytes(32)


class ReleaseUpdate:
    """Keep what is heard."""

    def __init__(self) -> None:
        self.lines: dict[int, list[str]] = {}
        self.changes: list[int | None] = []

    def lines_received(self, release_id: int, lines: Sequence[LogLine]) -> None:
        self.lines.setdefault(release_id, []).extend(line.text for line in lines)

    def changed(self, release_id: int | None = None) -> None:
        self.changes.append(release_id)


def line(number: int, stage: Stage = Stage.BUILD) -> LogLine:
    return LogLine(Position(1, number), 7, stage, f"第 {number} 行")


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def publishing(redis_url: str, name: str = "us") -> AsyncIterator[Publisher]:
    publisher = Publisher(redis_url, name, KEY)
    yield publisher
    await asyncio.to_thread(publisher.close)


async def wait_until_subscribed(publisher: Publisher, received: ReleaseUpdate) -> None:
    """Wait until the subscriber receives messages."""

    def is_received() -> bool:
        publisher.changed(99)
        return 99 in received.changes

    await until(is_received)


def test_lines_reach_who_watches_them_and_changes_reach_everybody(redis_url: str) -> None:
    async def play() -> None:
        subscriber, received = Subscriber(redis_url, "us", KEY), ReleaseUpdate()
        async with publishing(redis_url) as publisher, subscriber.subscribed(None, received):
            async with subscriber.subscribed(7, received):
                await wait_until_subscribed(publisher, received)
                for number in range(1, 6):
                    publisher.line_written(7, line(number))
                    publisher.line_written(8, line(number))
                publisher.line_written(7, line(6, Stage.PUBLISH))
                await until(lambda: len(received.lines.get(7, [])) == 6)
                assert received.lines == {7: [f"第 {number} 行" for number in range(1, 7)]}
            publisher.line_written(7, line(7))
            publisher.changed(3)
            await until(lambda: 3 in received.changes)
            assert len(received.lines[7]) == 6, "nobody watches it any more"

    asyncio.run(play())


def test_another_installation_at_the_same_redis_is_not_heard(redis_url: str) -> None:
    async def play() -> None:
        subscriber, received = Subscriber(redis_url, "us", KEY), ReleaseUpdate()
        async with (
            publishing(redis_url) as ours,
            publishing(redis_url, "they") as theirs,
            subscriber.subscribed(None, received),
            subscriber.subscribed(7, received),
        ):
            await wait_until_subscribed(ours, received)
            theirs.line_written(7, line(1))
            theirs.close()
            ours.line_written(7, line(2))
            await until(lambda: bool(received.lines))
            assert received.lines == {7: ["第 2 行"]}

    asyncio.run(play())


def test_when_redis_comes_back_it_is_heard_again() -> None:
    async def play() -> None:
        with redis_server() as server:
            subscriber, received = Subscriber(server.url, "us", KEY), ReleaseUpdate()
            async with (
                publishing(server.url) as publisher,
                subscriber.subscribed(7, received),
                subscriber.subscribed(None, received),
            ):
                await wait_until_subscribed(publisher, received)
                server.kill()
                for number in range(1, 4):
                    publisher.line_written(7, line(number))
                server.restart()
                received.changes.clear()
                await wait_until_subscribed(publisher, received)
                publisher.line_written(7, line(4))
                await until(lambda: bool(received.lines.get(7)))
                assert received.lines[7][-1] == "第 4 行"

    asyncio.run(play())


def test_what_somebody_else_writes_is_ignored_and_told_once_and_ends_nothing(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    messages: list[tuple[str, bytes]] = []

    async def record_messages() -> None:
        """Record channels and messages, as any client of Redis can."""
        async with Redis.from_url(redis_url).pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.psubscribe("mprelease.live.*")
            while True:
                if message := await pubsub.get_message(timeout=1):
                    messages.append((message["channel"].decode(), message["data"]))

    async def play() -> None:
        subscriber, received = Subscriber(redis_url, "us", KEY), ReleaseUpdate()
        listener = asyncio.create_task(record_messages())
        async with (
            publishing(redis_url) as publisher,
            subscriber.subscribed(7, received),
            subscriber.subscribed(None, received),
            Redis.from_url(redis_url) as stranger,
        ):
            await wait_until_subscribed(publisher, received)
            publisher.line_written(7, line(1))
            await until(lambda: 7 in received.lines and any(c.endswith(".7") for c, _ in messages))
            channel, genuine = next(each for each in messages if each[0].endswith(".7"))
            lines = json.dumps([(1, "build", [(2, 7, "forged")])]).encode()
            for forged in (
                b"",
                b"x",
                b"[1,",
                bytes(32),
                lines,
                genuine[:32] + lines,
                hmac.digest(bytes(31), lines, "sha256") + lines,
                genuine[:-1],
                bytes(70_000),
            ):
                await stranger.publish(channel, forged)
                await stranger.publish(channel.rpartition(".")[0] + ".changes", forged or b"4")
                # A genuine one counts on its own channel alone.
                await stranger.publish(channel.rpartition(".")[0] + ".changes", genuine)
            publisher.line_written(7, line(3))
            await until(lambda: len(received.lines[7]) == 2)
            await wait_until_subscribed(publisher, received)
            assert received.lines == {7: ["第 1 行", "第 3 行"]}
            assert set(received.changes) == {99}
        listener.cancel()

    with caplog.at_level("WARNING", "mprelease.live.relay"):
        asyncio.run(play())
    assert len(caplog.records) == 1
    assert "ignored" in caplog.text


class Broken(ReleaseUpdate):
    """Fail at what is heard first."""

    def lines_received(self, release_id: int, lines: Sequence[LogLine]) -> None:
        super().lines_received(release_id, lines)
        if len(self.lines[release_id]) == 1:
            raise RuntimeError


def test_a_listener_that_fails_hears_the_next_message(redis_url: str) -> None:
    async def play() -> None:
        subscriber, received = Subscriber(redis_url, "us", KEY), Broken()
        async with (
            publishing(redis_url) as publisher,
            subscriber.subscribed(7, received),
            subscriber.subscribed(None, received),
        ):
            await wait_until_subscribed(publisher, received)
            for number in (1, 2):
                publisher.line_written(7, line(number))
                await until(lambda number=number: len(received.lines.get(7, [])) == number)

    asyncio.run(play())


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let the first call of a method of Redis's subscriptions take a while."""

    def slow(name: str) -> None:
        real, times = getattr(PubSub, name), count()

        async def late(*arguments: Any, **named: Any) -> Any:
            if not next(times):
                await asyncio.sleep(0.5)
            return await real(*arguments, **named)

        monkeypatch.setattr(PubSub, name, late)

    return slow


def test_what_is_wanted_while_the_first_subscription_is_on_its_way_is_heard(
    redis_url: str, slow: Callable[[str], None]
) -> None:
    """Issue 12, number 4."""
    slow("subscribe")

    async def play() -> None:
        subscriber, received = Subscriber(redis_url, "us", KEY), ReleaseUpdate()
        async with publishing(redis_url) as publisher, subscriber.subscribed(None, received):
            await asyncio.sleep(0.1)
            async with subscriber.subscribed(7, received):
                await wait_until_subscribed(publisher, received)
                await publish_until_received(publisher, received, 7)

    asyncio.run(play())


def test_a_page_that_opens_while_the_last_connection_closes_hears_and_so_do_later_ones(
    redis_url: str, slow: Callable[[str], None]
) -> None:
    """Issue 12, number 4."""
    slow("aclose")

    async def play() -> None:
        subscriber, received = Subscriber(redis_url, "us", KEY), ReleaseUpdate()
        async with publishing(redis_url) as publisher:
            async with subscriber.subscribed(7, received):
                await publish_until_received(publisher, received, 7)
            async with subscriber.subscribed(8, received):
                await publish_until_received(publisher, received, 8)
                await asyncio.sleep(0.7)
                async with subscriber.subscribed(9, received):
                    await publish_until_received(publisher, received, 9)

    asyncio.run(play())


def test_what_could_not_be_subscribed_to_is_tried_again(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play() -> None:
        subscriber, received = Subscriber(redis_url, "us", KEY), ReleaseUpdate()
        async with publishing(redis_url) as publisher, subscriber.subscribed(7, received):
            await publish_until_received(publisher, received, 7)
            with monkeypatch.context() as patch:
                patch.setattr(PubSub, "subscribe", away)
                subscribed = subscriber.subscribed(8, received)
                await subscribed.__aenter__()
            await publish_until_received(publisher, received, 8)
            await subscribed.__aexit__(None, None, None)

    async def away(*_: object) -> None:
        raise RedisConnectionError

    asyncio.run(play())


async def publish_until_received(
    publisher: Publisher, received: ReleaseUpdate, release_id: int
) -> None:
    """Return as soon as a release's lines are heard."""
    numbers = count(1)

    def is_received() -> bool:
        publisher.line_written(release_id, line(next(numbers)))
        return release_id in received.lines

    await until(is_received)


def test_whether_redis_answers_is_known_within_a_second_or_two(redis_url: str) -> None:
    assert answers(redis_url)
    began = time.monotonic()
    assert not answers("redis://127.0.0.1:9/0")
    with closing(SilentHost()) as host:
        assert not answers(host.url.replace("http:", "redis:").replace("web.git", "0"))
    assert time.monotonic() - began < 4
