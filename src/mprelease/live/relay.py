"""Relay log lines and changes between nodes by Redis's publish and subscribe.

Redis delivers at most once, and nothing depends on it: lost messages are read from the storage
about a second later. The channels' names contain the installation's `name`, so that installations
can share one Redis. Each message is signed for its channel: other clients of Redis, which may have
no password, cannot forge one.
"""

import asyncio
import hmac
import json
import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Protocol

import redis
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from mprelease.domain.logs import LogLine, Position
from mprelease.domain.newer_values import known_or_newer
from mprelease.domain.releases import Stage
from mprelease.supervision import LoopSupervisor

_log = logging.getLogger(__name__)
_UNREACHABLE = (RedisError, OSError)
_SOCKET_SECONDS = 2.0
_PING_SECONDS = 1.0
# Interval at which lines are sent together.
_BATCH_SECONDS = 0.05
# Interval at which missing subscriptions are retried.
_RETRY_SECONDS = 1.0
_QUIET_SECONDS = 60.0
_CHANGES = "changes"
_SIGNATURE_BYTES = 32
# Lines beyond this buffer are not sent: watchers read them from the storage.
_WAITING_BYTES = 4 << 20
_MESSAGE_BYTES = 256 << 10


def answers(redis_url: str) -> bool:
    """Return whether Redis answers within a second."""
    try:
        with redis.Redis.from_url(
            redis_url, socket_timeout=_PING_SECONDS, socket_connect_timeout=_PING_SECONDS
        ) as client:
            return bool(client.ping())
    except _UNREACHABLE:
        return False


class RelayListener(Protocol):
    """Receives messages of other nodes; called in the event loop."""

    def lines_received(self, release_id: int, lines: Sequence[LogLine]) -> None:
        """Handle consecutive lines of a release."""

    def changed(self, release_id: int | None = None) -> None:
        """Handle a change of a release, or with None of any releases."""


class Publisher:
    """Send the lines and changes of this process to other nodes; thread-safe, non-blocking."""

    def __init__(
        self, redis_url: str, name: str, key: bytes, loops: LoopSupervisor | None = None
    ) -> None:
        """Take the URL of Redis, the installation's name and its key; connects on first use."""
        self._key = key
        self._client = redis.Redis.from_url(
            redis_url, socket_timeout=_SOCKET_SECONDS, socket_connect_timeout=_SOCKET_SECONDS
        )
        self._name = name
        self._lock = threading.Lock()
        self._lines: dict[int, list[LogLine]] = {}
        self._waiting_bytes = 0
        self._changed: set[int] = set()
        self._closing = threading.Event()
        self._filled = threading.Event()
        self._quiet_until = 0.0
        self._thread = (loops or LoopSupervisor()).thread(
            "relay sender", self._send_batches, self._closing, daemon=True
        )

    def line_written(self, release_id: int, line: LogLine) -> None:
        """Queue a line of a release."""
        with self._lock:
            self._waiting_bytes += sys.getsizeof(line.text)
            if self._waiting_bytes <= _WAITING_BYTES:
                self._lines.setdefault(release_id, []).append(line)
        self._filled.set()

    def changed(self, release_id: int | None = None) -> None:
        """Queue a change of a release, or with None of any releases."""
        with self._lock:
            self._changed.add(release_id or 0)
        self._filled.set()

    def ended(self, release_id: int) -> None:
        """Queue the end of a release's log in this process, as a change."""
        self.changed(release_id)

    def close(self) -> None:
        """Wait up to 2 s for the last messages to be sent, and disconnect."""
        self._closing.set()
        self._filled.set()
        self._thread.join(_SOCKET_SECONDS)
        self._client.close()

    def _send_batches(self) -> None:
        self._filled.wait()
        self._closing.wait(_BATCH_SECONDS)
        self._filled.clear()
        with self._lock:
            lines, self._lines = self._lines, {}
            self._waiting_bytes = 0
            changed, self._changed = self._changed, set()
        try:
            self._publish(lines, changed)
        except _UNREACHABLE as error:
            self._warn(error)

    def _publish(self, lines: dict[int, list[LogLine]], changed: set[int]) -> None:
        with self._client.pipeline(transaction=False) as pipeline:
            for release_id, batch in lines.items():
                channel = _channel(self._name, str(release_id))
                for part in _parts(batch):
                    pipeline.publish(channel, _signed(self._key, channel, _encoded(part).encode()))
            for release_id in changed:
                channel = _channel(self._name, _CHANGES)
                pipeline.publish(channel, _signed(self._key, channel, b"%d" % release_id))
            pipeline.execute()

    def _warn(self, error: Exception) -> None:
        if time.monotonic() > self._quiet_until:
            _log.warning(
                "Redis cannot be reached, live lines are delayed on other nodes: %s", error
            )
            self._quiet_until = time.monotonic() + _QUIET_SECONDS


class Subscriber:
    """Receive messages of other nodes about watched releases; for one event loop."""

    def __init__(
        self, redis_url: str, name: str, key: bytes, loops: LoopSupervisor | None = None
    ) -> None:
        """Take the URL of Redis, the installation's name and its key; connects on first use."""
        self._redis_url = redis_url
        self._name = name
        self._key = key
        self._loops = replace(loops or LoopSupervisor(), outages=_UNREACHABLE)
        self._ignored = _IgnoredMessages()
        self._wanted: Counter[str] = Counter()
        self._pubsub: PubSub | None = None
        # The channels subscribed to on the connection; changed under the lock.
        self._subscribed: set[str] = set()
        self._subscribe_lock = asyncio.Lock()
        self._listening: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def subscribed(
        self, release_id: int | None, listener: RelayListener
    ) -> AsyncIterator[None]:
        """Forward a release's lines to the listener during the block; with None, all changes."""
        channel = _channel(self._name, str(release_id) if release_id else _CHANGES)
        self._wanted[channel] += 1
        if self._listening is None:
            turn = partial(self._listen, listener)
            self._listening = asyncio.create_task(self._loops.repeat("relay listener", turn))
        try:
            await self._subscribe_soon()
            yield
        finally:
            await self._leave(channel)

    async def _leave(self, channel: str) -> None:
        self._wanted[channel] -= 1
        if not self._wanted[channel]:
            del self._wanted[channel]
        if self._wanted:
            await self._subscribe_soon()
        elif self._listening:
            self._listening.cancel()
            self._listening = None

    async def _listen(self, listener: RelayListener) -> None:
        client = Redis.from_url(
            self._redis_url, socket_connect_timeout=_SOCKET_SECONDS, health_check_interval=15
        )
        async with client, client.pubsub(ignore_subscribe_messages=True) as pubsub:
            try:
                self._pubsub, self._subscribed = pubsub, set()
                while True:
                    # Retries subscriptions that have failed.
                    await self._subscribe(pubsub)
                    while message := await pubsub.get_message(timeout=_RETRY_SECONDS):
                        self._pass_on(message["channel"].decode(), message["data"], listener)
            finally:
                # Another listener may have started while this one was ending.
                if self._pubsub is pubsub:
                    self._pubsub = None

    async def _subscribe_soon(self) -> None:
        """Subscribe to the wanted channels if connected; the listener retries on failure."""
        if self._pubsub:
            with suppress(*_UNREACHABLE):
                await self._subscribe(self._pubsub)

    async def _subscribe(self, pubsub: PubSub) -> None:
        async with self._subscribe_lock:
            if pubsub is not self._pubsub:
                return
            if added := self._wanted.keys() - self._subscribed:
                await pubsub.subscribe(*added)
                self._subscribed |= added
            if removed := self._subscribed - self._wanted.keys():
                await pubsub.unsubscribe(*removed)
                self._subscribed -= removed

    def _pass_on(self, channel: str, data: bytes, listener: RelayListener) -> None:
        """Deliver a message to the listener; a malformed or unsigned one is logged and dropped."""
        body = _verified(self._key, channel, data)
        if body is None:
            self._ignored.add(channel)
            return
        try:
            _deliver(channel, body, listener)
        except Exception:  # noqa: BLE001 one bad message must not end the listener
            _log.exception("a message of another node could not be delivered")


class _IgnoredMessages:
    """Count messages without a valid signature, and log the number once a minute."""

    def __init__(self) -> None:
        self._count = 0
        self._quiet_until = 0.0

    def add(self, channel: str) -> None:
        self._count += 1
        if time.monotonic() > self._quiet_until:
            self._quiet_until = time.monotonic() + _QUIET_SECONDS
            _log.warning(
                "%s message(s) on %s were ignored: they are not signed with this installation's"
                " master key; another client writes to this Redis",
                self._count,
                channel,
            )


def _deliver(channel: str, body: bytes, listener: RelayListener) -> None:
    subject = channel.rpartition(".")[2]
    if subject == _CHANGES:
        listener.changed(int(body) or None)
        return
    for lines in _decoded(body):
        listener.lines_received(int(subject), lines)


def _channel(name: str, subject: str) -> str:
    # 2 is the version of the message format; version 1 had no signatures.
    return f"mprelease.live.2.{name}.{subject}"


def _signed(key: bytes, channel: str, body: bytes) -> bytes:
    return hmac.digest(key, channel.encode() + b"\0" + body, "sha256") + body


def _verified(key: bytes, channel: str, data: bytes) -> bytes | None:
    """Return the body of a message with a valid signature for this channel, else None."""
    body = data[_SIGNATURE_BYTES:]
    return body if hmac.compare_digest(data, _signed(key, channel, body)) else None


def _parts(lines: Sequence[LogLine]) -> Iterator[list[LogLine]]:
    """Split lines into parts of one message each."""
    part: list[LogLine] = []
    size = 0
    for line in lines:
        if part and size + sys.getsizeof(line.text) > _MESSAGE_BYTES:
            yield part
            part, size = [], 0
        part.append(line)
        size += sys.getsizeof(line.text)
    yield part


def _encoded(lines: Sequence[LogLine]) -> str:
    def attempt_and_stage(line: LogLine) -> tuple[int, str]:
        return line.position.attempt, line.stage

    return json.dumps(
        [
            (attempt, stage, [(line.position.line, line.at, line.text) for line in group])
            for (attempt, stage), group in groupby(lines, attempt_and_stage)
        ],
        ensure_ascii=False,
    )


def _decoded(data: bytes) -> list[list[LogLine]]:
    return [
        [
            LogLine(Position(attempt, line), at, known_or_newer(Stage, stage), text)
            for line, at, text in lines
        ]
        for attempt, stage, lines in json.loads(data)
    ]
