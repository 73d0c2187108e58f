"""Carry lines and changes between nodes: Redis's publish and subscribe.

Redis delivers at most once, and nothing depends on it: what was not heard is found in the storage
about a second later. The channels' names cannot be guessed without the installation's `name`, and
those of two installations at one Redis differ. Each message is signed for its channel: whoever else
reaches Redis, which may have no password, can make nobody believe a line.
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
_TROUBLE = (RedisError, OSError)
_SOCKET_SECONDS = 2.0
# Lines leave together, so often at most.
_BATCH_SECONDS = 0.05
# So often is looked whether the channels are those that are wanted, if no message comes.
_LOOK_SECONDS = 1.0
_QUIET_SECONDS = 60.0
_CHANGES = "changes"
_SIGNATURE_BYTES = 32
# More that waits to be said is left to the storage; one message holds no more than a part of it.
_WAITING_BYTES = 4 << 20
_MESSAGE_BYTES = 256 << 10


class RelayListener(Protocol):
    """Whoever wants to know what other nodes say."""

    def lines_received(self, release_id: int, lines: Sequence[LogLine]) -> None:
        """Take lines of a release that follow each other."""

    def changed(self, release_id: int | None = None) -> None:
        """Know that something else about a release, or about some, is new."""


class Publisher:
    """Say what is written in this process; from any thread, without waiting."""

    def __init__(
        self, redis_url: str, name: str, key: bytes, loops: LoopSupervisor | None = None
    ) -> None:
        """Take Redis's address, the installation's name and its key; nothing is opened yet."""
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
        """Take a line of a release from its writer."""
        with self._lock:
            self._waiting_bytes += sys.getsizeof(line.text)
            if self._waiting_bytes <= _WAITING_BYTES:
                self._lines.setdefault(release_id, []).append(line)
        self._filled.set()

    def changed(self, release_id: int | None = None) -> None:
        """Know that something else about a release, or about some, is new."""
        with self._lock:
            self._changed.add(release_id or 0)
        self._filled.set()

    def ended(self, release_id: int) -> None:
        """Know that nothing more is written of a release in this process."""
        self.changed(release_id)

    def close(self) -> None:
        """Give the last words a moment to leave."""
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
        except _TROUBLE as error:
            self._tell(error)

    def _publish(self, lines: dict[int, list[LogLine]], changed: set[int]) -> None:
        with self._client.pipeline(transaction=False) as pipeline:
            for release_id, own in lines.items():
                channel = _channel(self._name, str(release_id))
                for part in _parts(own):
                    pipeline.publish(channel, _signed(self._key, channel, _written(part).encode()))
            for release_id in changed:
                channel = _channel(self._name, _CHANGES)
                pipeline.publish(channel, _signed(self._key, channel, b"%d" % release_id))
            pipeline.execute()

    def _tell(self, error: Exception) -> None:
        if time.monotonic() > self._quiet_until:
            _log.warning("other nodes see lines later, Redis cannot be reached: %s", error)
            self._quiet_until = time.monotonic() + _QUIET_SECONDS


class Subscriber:
    """Hear what other nodes say of the releases that somebody watches here; for one event loop."""

    def __init__(
        self, redis_url: str, name: str, key: bytes, loops: LoopSupervisor | None = None
    ) -> None:
        """Take Redis's address, the installation's name and its key; nothing is opened yet."""
        self._redis_url = redis_url
        self._name = name
        self._key = key
        self._loops = replace(loops or LoopSupervisor(), outages=_TROUBLE)
        self._ignored = _IgnoredMessages()
        self._wanted: Counter[str] = Counter()
        self._pubsub: PubSub | None = None
        # What the speaker was asked for; by one task at a time, so that it is true.
        self._subscribed: set[str] = set()
        self._one_subscribes = asyncio.Lock()
        self._listening: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def subscribed(
        self, release_id: int | None, listener: RelayListener
    ) -> AsyncIterator[None]:
        """Pass on a release's lines as they are written; with None, which releases change."""
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
                    # Also what could not be subscribed to before.
                    await self._subscribe(pubsub)
                    while message := await pubsub.get_message(timeout=_LOOK_SECONDS):
                        self._pass_on(message["channel"].decode(), message["data"], listener)
            finally:
                # A later listener may have begun while this one was ending.
                if self._pubsub is pubsub:
                    self._pubsub = None

    async def _subscribe_soon(self) -> None:
        """Subscribe to what is wanted now, if there is a connection; the listener retries."""
        if self._pubsub:
            with suppress(*_TROUBLE):
                await self._subscribe(self._pubsub)

    async def _subscribe(self, pubsub: PubSub) -> None:
        async with self._one_subscribes:
            if pubsub is not self._pubsub:
                return
            if more := self._wanted.keys() - self._subscribed:
                await pubsub.subscribe(*more)
                self._subscribed |= more
            if gone := self._subscribed - self._wanted.keys():
                await pubsub.unsubscribe(*gone)
                self._subscribed -= gone

    def _pass_on(self, channel: str, data: bytes, listener: RelayListener) -> None:
        """Tell what a message says; whatever it is made of, listening goes on."""
        body = _verified(self._key, channel, data)
        if body is None:
            self._ignored.tell(channel)
            return
        try:
            _tell(channel, body, listener)
        except Exception:  # noqa: BLE001 whoever hears it, the others listen on
            _log.exception("a message of another node could not be passed on")


class _IgnoredMessages:
    """Tell of messages that nobody of ours has signed, once a minute."""

    def __init__(self) -> None:
        self._count = 0
        self._quiet_until = 0.0

    def tell(self, channel: str) -> None:
        self._count += 1
        if time.monotonic() > self._quiet_until:
            self._quiet_until = time.monotonic() + _QUIET_SECONDS
            _log.warning(
                "%s message(s) on %s were ignored: no node with our master key has signed them;"
                " somebody else writes to this Redis",
                self._count,
                channel,
            )


def _tell(channel: str, body: bytes, listener: RelayListener) -> None:
    subject = channel.rpartition(".")[2]
    if subject == _CHANGES:
        listener.changed(int(body) or None)
        return
    for lines in _read(body):
        listener.lines_received(int(subject), lines)


def _channel(name: str, subject: str) -> str:
    # The number is that of the form of messages: nodes before signatures used another name.
    return f"mprelease.live.2.{name}.{subject}"


def _signed(key: bytes, channel: str, body: bytes) -> bytes:
    return hmac.digest(key, channel.encode() + b"\0" + body, "sha256") + body


def _verified(key: bytes, channel: str, data: bytes) -> bytes | None:
    """Return the body of a message that one of us has signed for this channel."""
    body = data[_SIGNATURE_BYTES:]
    return body if hmac.compare_digest(data, _signed(key, channel, body)) else None


def _parts(lines: Sequence[LogLine]) -> Iterator[list[LogLine]]:
    """Cut lines into parts for one message each."""
    part: list[LogLine] = []
    size = 0
    for line in lines:
        if part and size + sys.getsizeof(line.text) > _MESSAGE_BYTES:
            yield part
            part, size = [], 0
        part.append(line)
        size += sys.getsizeof(line.text)
    yield part


def _written(lines: Sequence[LogLine]) -> str:
    def is_joined(line: LogLine) -> tuple[int, str]:
        return line.position.attempt, line.stage

    return json.dumps(
        [
            (attempt, stage, [(line.position.line, line.at, line.text) for line in joined])
            for (attempt, stage), joined in groupby(lines, is_joined)
        ],
        ensure_ascii=False,
    )


def _read(data: bytes) -> list[list[LogLine]]:
    return [
        [
            LogLine(Position(attempt, line), at, known_or_newer(Stage, stage), text)
            for line, at, text in lines
        ]
        for attempt, stage, lines in json.loads(data)
    ]
