"""Carry wake-up calls between nodes: Dramatiq, in the process or over Redis.

A message says that there may be something to do for a label, and nothing else: who runs what is
decided in the database. A lost message costs the seconds until the next tick of a worker.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker

from mprelease.supervision import LoopSupervisor

_log = logging.getLogger(__name__)
_ACTOR = "wake"
_SOCKET_SECONDS = 2.0
# How long an idle worker waits between two looks at Redis; see RedisBroker's consumer.
_POLL_MS = 50
# A worker without a free slot hands the call on and listens no more for a moment, so that another
# one gets it; after so many hands the workers' own ticks have long done the rest.
_MOST_HANDOVERS = 20
_BACKOFF_SECONDS = 0.2
_QUIET_SECONDS = 60.0
_UNREACHABLE = (redis.RedisError, dramatiq.DramatiqError, OSError)


class _ThrottledLog(logging.Handler):
    """Tell what Dramatiq says of itself, every second while Redis is away, once a minute."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._quiet_until = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        if time.monotonic() > self._quiet_until:
            self._quiet_until = time.monotonic() + _QUIET_SECONDS
            _log.warning(
                "wake-up calls are not heard, work begins at the tick: %s", record.getMessage()
            )


class Dispatch:
    """Ring for a label without waiting, and hear the rings for one's own labels."""

    def __init__(self, redis_url: str | None, loops: LoopSupervisor | None = None) -> None:
        """Take Redis's address, or None for calls within this process; nothing is opened yet."""
        log = logging.getLogger("dramatiq")
        log.handlers, log.propagate = [_ThrottledLog()], False
        self._broker = _broker(redis_url)
        self._calls: queue.SimpleQueue[tuple[str, int] | None] = queue.SimpleQueue()
        self._listener: dramatiq.Worker | None = None
        self._quiet_until = 0.0
        self._is_over = threading.Event()
        self._sender = (loops or LoopSupervisor()).thread(
            "wake-up sender", self._send, self._is_over, daemon=True
        )

    def wake(self, label: str) -> None:
        """Ring for the workers of a label; at once, whatever the broker does."""
        self._calls.put((label, 0))

    def listen(self, labels: Sequence[str], hear: Callable[[], bool]) -> None:
        """Call `hear` for each ring of these labels; it tells whether a slot was free."""

        def wake(label: object, handovers: object) -> None:
            # Whoever reaches Redis can write a message: it wakes us, and what it says is checked.
            if hear() or not (isinstance(label, str) and isinstance(handovers, int)):
                return
            if label in labels and 0 <= handovers < _MOST_HANDOVERS:
                self._calls.put((label, handovers + 1))
                time.sleep(_BACKOFF_SECONDS)

        queue_name = _queue(labels[0])
        dramatiq.actor(actor_name=_ACTOR, broker=self._broker, queue_name=queue_name)(wake)
        for label in labels[1:]:
            self._broker.declare_queue(_queue(label))
        # One thread, one message: what this process does not take, others may.
        listener = dramatiq.Worker(self._broker, worker_timeout=_POLL_MS, worker_threads=1)
        listener.queue_prefetch = 1
        listener.start()
        self._listener = listener

    def close(self) -> None:
        """Hear no more, and give the last rings a moment to leave."""
        if self._listener:
            self._listener.stop(timeout=2000)
        self._calls.put(None)
        self._sender.join(_SOCKET_SECONDS)
        self._broker.close()

    def _send(self) -> None:
        call = self._calls.get()
        if call is None:
            self._is_over.set()
            return
        label, _ = call
        message: dramatiq.Message[None] = dramatiq.Message(
            queue_name=_queue(label), actor_name=_ACTOR, args=call, kwargs={}, options={}
        )
        try:
            self._broker.declare_queue(message.queue_name)
            self._broker.enqueue(message)
        except _UNREACHABLE as error:  # workers look by themselves every few seconds
            self._tell(label, error)

    def _tell(self, label: str, error: Exception) -> None:
        if time.monotonic() > self._quiet_until:
            _log.warning("nobody could be woken for %s, work begins at the tick: %s", label, error)
            self._quiet_until = time.monotonic() + _QUIET_SECONDS


def _queue(label: str) -> str:
    return f"mprelease.{label}"


def _broker(redis_url: str | None) -> dramatiq.Broker:
    # Dramatiq's own list has a time limit of ten minutes and twenty retries.
    if redis_url is None:
        return StubBroker(middleware=[])
    pool = redis.ConnectionPool.from_url(
        redis_url, socket_timeout=_SOCKET_SECONDS, socket_connect_timeout=_SOCKET_SECONDS
    )
    client = redis.Redis(connection_pool=pool)
    return RedisBroker(client=client, middleware=[], namespace="mprelease")
