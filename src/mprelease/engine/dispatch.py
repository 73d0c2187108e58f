"""Wake-up calls between nodes: Dramatiq, over Redis.

A message means that there may be work for a label, and nothing else: which worker runs what is
decided in the database. A lost message delays work until the next tick of a worker.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

from mprelease.supervision import LoopSupervisor

_log = logging.getLogger(__name__)
_ACTOR = "wake"
_SOCKET_SECONDS = 2.0
# Interval at which an idle worker polls Redis; see RedisBroker's consumer.
_POLL_MS = 50
# A worker without a free slot sends the call again and pauses for _BACKOFF_SECONDS, so that another
# worker receives it. After so many times the ticks of the workers have replaced the call.
_MOST_HANDOVERS = 20
_BACKOFF_SECONDS = 0.2
_QUIET_SECONDS = 60.0
_UNREACHABLE = (redis.RedisError, dramatiq.DramatiqError, OSError)


class _ThrottledLog(logging.Handler):
    """Log Dramatiq's warnings once a minute; while Redis is unreachable it logs every second."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._quiet_until = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        if time.monotonic() > self._quiet_until:
            self._quiet_until = time.monotonic() + _QUIET_SECONDS
            _log.warning(
                "wake-up calls cannot be received, work starts at the next tick: %s",
                record.getMessage(),
            )


class Dispatch:
    """Send wake-up calls for a label without blocking, and receive those for given labels."""

    def __init__(self, redis_url: str, loops: LoopSupervisor | None = None) -> None:
        """Take the URL of Redis; connects on first use."""
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
        """Send a wake-up call to the workers of a label; returns at once and never raises."""
        self._calls.put((label, 0))

    def listen(self, labels: Sequence[str], on_wakeup: Callable[[], bool]) -> None:
        """Call `on_wakeup` for each call to these labels; it returns whether a slot was free."""

        def wake(label: object, handovers: object) -> None:
            # Any client of Redis can write a message, so its content is checked.
            if on_wakeup() or not (isinstance(label, str) and isinstance(handovers, int)):
                return
            if label in labels and 0 <= handovers < _MOST_HANDOVERS:
                self._calls.put((label, handovers + 1))
                time.sleep(_BACKOFF_SECONDS)

        queue_name = _queue(labels[0])
        dramatiq.actor(actor_name=_ACTOR, broker=self._broker, queue_name=queue_name)(wake)
        for label in labels[1:]:
            self._broker.declare_queue(_queue(label))
        # One thread and one prefetched message: the others stay available to other workers.
        listener = dramatiq.Worker(self._broker, worker_timeout=_POLL_MS, worker_threads=1)
        listener.queue_prefetch = 1
        listener.start()
        self._listener = listener

    def close(self) -> None:
        """Stop receiving calls, and wait up to 2 s for the last ones to be sent."""
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
        except _UNREACHABLE as error:  # workers also poll the database at each tick
            self._warn(label, error)

    def _warn(self, label: str, error: Exception) -> None:
        if time.monotonic() > self._quiet_until:
            _log.warning(
                "no wake-up call could be sent for label %s, work starts at the next tick: %s",
                label,
                error,
            )
            self._quiet_until = time.monotonic() + _QUIET_SECONDS


def _queue(label: str) -> str:
    return f"mprelease.{label}"


def _broker(redis_url: str) -> dramatiq.Broker:
    pool = redis.ConnectionPool.from_url(
        redis_url, socket_timeout=_SOCKET_SECONDS, socket_connect_timeout=_SOCKET_SECONDS
    )
    client = redis.Redis(connection_pool=pool)
    # Dramatiq's default middleware has a time limit of ten minutes and twenty retries.
    return RedisBroker(client=client, middleware=[], namespace="mprelease")
