"""Wake-up calls over Redis, and while it is dead."""

import threading
import time
from collections.abc import Iterator

import pytest
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker
from redis import Redis

from mprelease.domain.releases import State
from mprelease.engine.dispatch import Dispatch
from servers import redis_server
from worker_pool import WorkerPool, wait_until


class Subscriber:
    """Receives wake-up calls, with or without a free slot."""

    def __init__(self, *, is_free: bool = True) -> None:
        self.is_free = is_free
        self.woken = threading.Event()

    def on_wakeup(self) -> bool:
        if self.is_free:
            self.woken.set()
        return self.is_free


@pytest.fixture
def opened() -> Iterator[list[Dispatch]]:
    made: list[Dispatch] = []
    yield made
    for dispatch in made:
        dispatch.close()


@pytest.mark.servers
def test_over_redis_a_call_reaches_another_node(redis_url: str, opened: list[Dispatch]) -> None:
    here, there, subscriber = Dispatch(redis_url), Dispatch(redis_url), Subscriber()
    opened += [here, there]
    there.listen(("default",), subscriber.on_wakeup)
    here.wake("default")
    assert subscriber.woken.wait(3)


@pytest.mark.servers
def test_malformed_wakeups_end_nothing(redis_url: str, opened: list[Dispatch]) -> None:
    here, there, subscriber = Dispatch(redis_url), Dispatch(redis_url), Subscriber(is_free=False)
    opened += [here, there]
    there.listen(("default",), subscriber.on_wakeup)
    name = "mprelease.default"
    broker = RedisBroker(url=redis_url, middleware=[], namespace="mprelease")
    for actor, args in (
        ("wake", ("default", "many")),
        ("wake", ("default", -(10**9))),
        ("wake", ("nobody's", 1)),
        ("wake", ([], None)),
        ("wake", ()),
        ("sleep", ("default", 0)),
    ):
        broker.enqueue(Message(name, actor, args, {}, {}))
    with Redis.from_url(redis_url) as stranger:
        for number, data in enumerate((b"{", b"null")):
            stranger.hset(f"mprelease:{name}.msgs", f"bad-{number}", data)
            stranger.rpush(f"mprelease:{name}", f"bad-{number}")
        wait_until(lambda: stranger.llen(f"mprelease:{name}") == 0)
        subscriber.is_free = True
        subscriber.woken.clear()
        here.wake("default")
        assert subscriber.woken.wait(15)
        assert not stranger.exists("mprelease:mprelease.nobody's")
    broker.close()


@pytest.mark.servers
def test_a_busy_worker_passes_the_wakeup_on_to_a_free_one(
    redis_url: str, opened: list[Dispatch]
) -> None:
    busy, free, asker = Dispatch(redis_url), Dispatch(redis_url), Dispatch(redis_url)
    opened += [busy, free, asker]
    busy.listen(("default",), Subscriber(is_free=False).on_wakeup)
    subscriber = Subscriber()
    free.listen(("default",), subscriber.on_wakeup)
    for _ in range(5):
        subscriber.woken.clear()
        asker.wake("default")
        assert subscriber.woken.wait(2)


@pytest.mark.servers
@pytest.mark.parametrize("kind", ["sqlite"])
def test_with_redis_dead_work_goes_on_and_wakeups_arrive_again_when_it_is_back(
    pool: WorkerPool, opened: list[Dispatch]
) -> None:
    with redis_server() as server:
        here, there = Dispatch(server.url), Dispatch(server.url)
        opened += [here, there]
        worker = pool.worker()
        there.listen(("default",), worker.on_wakeup)
        server.kill()
        release_id = pool.request()
        began = time.monotonic()
        here.wake("default")
        assert time.monotonic() - began < 0.1
        pool.becomes(release_id, State.SUCCEEDED)
        assert time.monotonic() - began < 4
        server.restart()
        subscriber = Subscriber()
        third = Dispatch(server.url)
        opened.append(third)
        third.listen(("mac",), subscriber.on_wakeup)

        def is_woken() -> bool:
            here.wake("mac")
            return subscriber.woken.wait(0.2)

        wait_until(is_woken)
        here.close()
        there.close()
        third.close()
        opened.clear()
