"""Many watchers in one process: `python -m benchmarks.live.watchers`, with a task as JSON on stdin.

It writes `ready` after all have connected, and at the end one line of JSON. It parses frames
itself, and equal messages only once for all watchers: one core is enough for 1,000 watchers.
"""

import asyncio
import base64
import json
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

_SHORT, _MIDDLE, _LONG = 125, 126, 127
_TEXT, _CLOSE, _PING = 1, 8, 9
_MASK = bytes(4)
_DIGITS = 19  # of the time in ns since the epoch


@dataclass(frozen=True)
class Message:
    """A parsed message: its first and last line, the times of its lines (ns), and the end."""

    first: int
    last: int
    times: tuple[int, ...]
    is_over: bool


@dataclass
class Received:
    """The messages of all watchers: each text once, with the times of its arrivals (ns)."""

    messages: dict[bytes, Message] = field(default_factory=dict)
    arrivals: dict[bytes, list[int]] = field(default_factory=dict)
    broken: str = ""

    def read(self, payload: bytes) -> Message:
        """Return a parsed message, parsed only once."""
        known = self.messages.get(payload)
        if known is None:
            known = self.messages[payload] = read(payload)
            self.arrivals[payload] = []
        return known


def read(payload: bytes) -> Message:
    """Parse a message of the protocol (docs/live.md); raise ValueError for a gap in its lines."""
    fields = json.loads(payload)
    passages = fields.get("passages") or []
    if not passages:
        return Message(0, -1, (), bool(fields.get("over")))
    first, last = passages[0][1], passages[-1][1] + len(passages[-1][3]) - 1
    texts = [text for passage in passages for text in passage[3]]
    times = tuple(int(text[:_DIGITS]) for text in texts if text[:_DIGITS].isdigit())
    if last - first + 1 != len(texts):
        raise ValueError(f"a gap within lines {first} to {last}")
    return Message(first, last, times, bool(fields.get("over")))


def frames(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Remove a server's complete frames (RFC 6455) from a buffer; yield opcode and payload."""
    while len(buffer) >= 2:  # noqa: PLR2004 the shortest header
        length, start = buffer[1], 2
        if length == _MIDDLE:
            length, start = int.from_bytes(buffer[2:4], "big"), 4
        elif length == _LONG:
            length, start = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < start or len(buffer) < start + length:
            return
        opcode, payload = buffer[0] & 15, bytes(buffer[start : start + length])
        del buffer[: start + length]
        yield opcode, payload


class Watcher(asyncio.Protocol):
    """One socket that watches a release's log from its beginning."""

    def __init__(self, received: Received, host: str, token: str, release: int) -> None:
        self._received = received
        self._host, self._token, self._release = host, token, release
        self._buffer = bytearray()
        self._line = 0
        self.connected = asyncio.get_running_loop().create_future()
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request of the WebSocket."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /api/v1/live HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: Bearer {self._token}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Handle the HTTP response, then frames."""
        now = time.time_ns()
        self._buffer += data
        if not self.connected.done():
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head:
                self._end(f"refused: {bytes(head[:60])!r}")
                return
            self._buffer = rest
            self._send(_TEXT, json.dumps({"log": self._release}).encode())
            self.connected.set_result(None)
        for opcode, payload in frames(self._buffer):
            self._handle(opcode, payload, now)

    def connection_lost(self, exc: Exception | None) -> None:
        """Record that the connection was lost."""
        self._end(f"lost after line {self._line}: {exc}")

    def _handle(self, opcode: int, payload: bytes, now: int) -> None:
        if opcode == _PING:
            self._send(10, payload)
        elif opcode == _CLOSE:
            self._end(f"closed after line {self._line}: {payload[:2].hex()}")
        elif opcode == _TEXT:
            message = self._received.read(payload)
            if message.times or message.last >= 0:
                if message.first != self._line + 1:
                    self._end(f"line {message.first} came after line {self._line}")
                self._line = message.last
                self._received.arrivals[payload].append(now)
            if message.is_over:
                self._end("")

    def _send(self, opcode: int, payload: bytes) -> None:
        self._transport.write(bytes((128 | opcode, 128 | len(payload))) + _MASK + payload)

    def _end(self, problem_detail: str) -> None:
        if not self.connected.done():
            self.connected.set_result(None)
        if not self.ended.done():
            self._received.broken = self._received.broken or problem_detail
            self.ended.set_result(self._line)
            self._transport.close()


def _same(watcher: Watcher) -> Watcher:
    return watcher


async def watch(task: dict[str, list[dict[str, object]]]) -> dict[str, object]:
    """Watch until the end, and return the report with the delays of lines."""
    received, watchers = Received(), []
    loop = asyncio.get_running_loop()
    for one in task["watch"]:
        host, port = str(one["host"]), int(str(one["port"]))
        for _ in range(int(str(one["count"]))):
            watcher = Watcher(received, host, str(one["token"]), int(str(one["release"])))
            await loop.create_connection(partial(_same, watcher), host, port)
            watchers.append(watcher)
    for watcher in watchers:
        await watcher.connected
    print("ready", flush=True)
    began = time.process_time()
    lines = [await watcher.ended for watcher in watchers]
    return {
        "broken": received.broken,
        "fewest": min(lines, default=0),
        "most": max(lines, default=0),
        "cpu": time.process_time() - began,
        **_delays(received),
    }


def _delays(received: Received) -> dict[str, object]:
    """Return percentiles of the delays, in ms, of all lines at all watchers."""
    bins: Counter[int] = Counter()
    for payload, moments in received.arrivals.items():
        whole = Counter(moment // 1_000_000 for moment in moments)
        for time_ns in received.messages[payload].times:
            at = time_ns // 1_000_000
            for moment, count in whole.items():
                bins[moment - at] += count
    total, passed = sum(bins.values()), 0
    found: dict[str, object] = {}
    wanted = {"p50": 0.5, "p99": 0.99}
    for late in sorted(bins):
        passed += bins[late]
        found |= {
            n: late for n, share in wanted.items() if n not in found and passed >= share * total
        }
    return found


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(json.dumps(asyncio.run(watch(json.load(sys.stdin)))), flush=True)
