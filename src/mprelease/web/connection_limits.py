"""Limit the number of open connections, and how long each may keep the server waiting.

Every connection is tracked: a sweep each second closes those that are too slow. When the limit is
reached, the oldest connection that has sent no request yet is closed for a new one; if there is
none, the new one is refused.

A connection is counted for its address, and can be closed as silent, only after the server had a
chance to read from it: while the server is busy, many are accepted before any is read.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

# File descriptors of this process other than connections: files, databases, pipes.
_OTHER_FILES = 256


@dataclass(frozen=True)
class Quota:
    """How many connections of one kind may be open, in total and from one address."""

    most: int
    most_per_address: int


@dataclass(frozen=True)
class ConnectionLimits:
    """Timeouts in seconds, and quotas; the quota per address does not apply to trusted proxies.

    `head_seconds` is for the head of a request or the handshake of a socket, `body_seconds` for the
    body, `stalled_seconds` for a peer that does not read the response.
    """

    head_seconds: float = 15.0
    body_seconds: float = 180.0
    stalled_seconds: float = 60.0
    sweep_seconds: float = 1.0
    requests: Quota = Quota(2_000, 500)
    sockets: Quota = Quota(10_000, 2_000)

    def within(self, open_files: int) -> "ConnectionLimits":
        """Return the limits reduced for a maximum number of open files."""
        left = max(open_files - _OTHER_FILES, 100)
        requests, sockets = min(self.requests.most, left // 4), min(self.sockets.most, left // 2)
        return ConnectionLimits(
            requests=Quota(requests, self.requests.most_per_address),
            sockets=Quota(sockets, self.sockets.most_per_address),
        )


class Phase(Enum):
    """What the server is waiting for on a connection."""

    HEAD = auto()
    BODY = auto()
    NOTHING = auto()


@dataclass(eq=False)
class Tracked:
    """One open connection; times are those of the event loop's clock, in seconds.

    `counts` means that it is counted for its address.
    """

    transport: asyncio.Transport
    address: str
    since: float
    counts: bool = False
    phase: Phase = Phase.HEAD
    paused_since: float | None = None
    closing_since: float | None = None


@dataclass
class ConnectionKind:
    """The open connections of one kind, oldest first, and their number by address."""

    quota: Quota
    tracked: dict[Tracked, None] = field(default_factory=dict)
    of_address: Counter[str] = field(default_factory=Counter)


class ConnectionGuard:
    """Track the connections of a server; to be used in its event loop only."""

    def __init__(self, limits: ConnectionLimits, trusted_proxies: Iterable[str] = ()) -> None:
        """Take the limits, and the trusted proxies, which forward connections of many users."""
        self._limits = limits
        self._is_trusted = trusting(trusted_proxies)
        self.requests = ConnectionKind(limits.requests)
        self.sockets = ConnectionKind(limits.sockets)
        self._sweeping: asyncio.TimerHandle | None = None

    def opened(
        self, kind: ConnectionKind, transport: asyncio.Transport, address: str
    ) -> Tracked | None:
        """Track a new connection, to be counted later; return None if it must be refused."""
        if not self._has_room(kind):
            return None
        loop = asyncio.get_running_loop()
        tracked = Tracked(transport, address, loop.time())
        kind.tracked[tracked] = None
        if self._sweeping is None:
            self._sweeping = loop.call_later(self._limits.sweep_seconds, self._sweep, loop)
        return tracked

    def count(self, kind: ConnectionKind, tracked: Tracked) -> bool:
        """Count a connection for its address; return whether it may stay open."""
        if tracked.counts or tracked not in kind.tracked:
            return True
        if not self._has_room_for(kind, tracked.address):
            return False
        tracked.counts = True
        kind.of_address[tracked.address] += 1
        return True

    def closed(self, kind: ConnectionKind, tracked: Tracked | None) -> None:
        """Stop tracking a connection."""
        if tracked not in kind.tracked:
            return
        del kind.tracked[tracked]
        if tracked.counts:
            kind.of_address[tracked.address] -= 1
            if not kind.of_address[tracked.address]:
                del kind.of_address[tracked.address]

    def make_room(self, kind: ConnectionKind, address: str) -> bool:
        """Return whether one more may be opened; this may close a silent connection."""
        return self._has_room_for(kind, address) and self._has_room(kind)

    def _has_room(self, kind: ConnectionKind) -> bool:
        if len(kind.tracked) < kind.quota.most or self._evict(kind, lambda one: one.counts):
            return True
        # None is counted yet: all were accepted before one could be read.
        return self._evict(kind, lambda _: True)

    def _has_room_for(self, kind: ConnectionKind, address: str) -> bool:
        return (
            self._is_trusted(address)
            or kind.of_address[address] < kind.quota.most_per_address
            or self._evict(kind, lambda one: one.counts and one.address == address)
        )

    def _evict(self, kind: ConnectionKind, matches: Callable[[Tracked], bool]) -> bool:
        for one in kind.tracked:
            if one.phase is Phase.HEAD and matches(one):
                one.transport.abort()
                self.closed(kind, one)
                return True
        return False

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        for kind in (self.requests, self.sockets):
            for one in list(kind.tracked):
                self._close_if_slow(one, loop.time())
        self._sweeping = None
        if self.requests.tracked or self.sockets.tracked:
            self._sweeping = loop.call_later(self._limits.sweep_seconds, self._sweep, loop)

    def _close_if_slow(self, one: Tracked, now: float) -> None:
        if one.transport.is_closing():
            # The transport waits until the peer has read what is buffered.
            one.closing_since = one.closing_since or now
        begun = one.closing_since or one.paused_since
        if begun and now - begun > self._limits.stalled_seconds:
            one.transport.abort()
        elif one.phase is not Phase.NOTHING and now - one.since > self._seconds(one.phase):
            one.transport.close()

    def _seconds(self, phase: Phase) -> float:
        return self._limits.head_seconds if phase is Phase.HEAD else self._limits.body_seconds


def trusting(proxies: Iterable[str]) -> Callable[[str], bool]:
    """Return a predicate: is an address one of these addresses and networks? `*` matches all."""
    names = set(proxies)
    networks = [network for name in names if (network := _network(name))]

    def is_trusted(address: str) -> bool:
        if "*" in names or address in names:
            return True
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in networks)

    return is_trusted


def _network(name: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(name)
    except ValueError:
        return None
