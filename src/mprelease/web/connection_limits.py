"""Limit how many connections are open and how long each may keep the server waiting.

Every connection is tracked: one sweep a second closes those that are too slow. Where there are too
many, the oldest that is still silent makes room, and without one the newest is refused.

A connection counts for its address, and as silent, once the server has looked whether it says
something: of a crowd that comes while the server is busy, all are opened before any is read.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

# Files, databases and pipes that this process opens beside its connections.
_OTHER_FILES = 256


@dataclass(frozen=True)
class Room:
    """How many connections of one kind may be open, in all and from one address."""

    most: int
    most_per_address: int


@dataclass(frozen=True)
class ConnectionLimits:
    """How long, in seconds, and how many; the limit of an address is not for trusted proxies.

    `head_seconds` for the head of a request or the handshake of a socket, `body_seconds` for the
    body, `stalled_seconds` for a peer that takes nothing of what it is sent.
    """

    head_seconds: float = 15.0
    body_seconds: float = 180.0
    stalled_seconds: float = 60.0
    sweep_seconds: float = 1.0
    requests: Room = Room(2_000, 500)
    sockets: Room = Room(10_000, 2_000)

    def within(self, open_files: int) -> "ConnectionLimits":
        """Return the limits that fit into so many open files."""
        left = max(open_files - _OTHER_FILES, 100)
        requests, sockets = min(self.requests.most, left // 4), min(self.sockets.most, left // 2)
        return ConnectionLimits(
            requests=Room(requests, self.requests.most_per_address),
            sockets=Room(sockets, self.sockets.most_per_address),
        )


class Phase(Enum):
    """What the server waits for."""

    HEAD = auto()
    BODY = auto()
    NOTHING = auto()


@dataclass(eq=False)
class Tracked:
    """One open connection; times by the event loop's clock.

    `counts` says that it is one of those of its address.
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
    """The open connections of one kind, oldest first, and how many come from each address."""

    room: Room
    tracked: dict[Tracked, None] = field(default_factory=dict)
    of_address: Counter[str] = field(default_factory=Counter)


class ConnectionGuard:
    """Track the connections of a server; for its event loop alone."""

    def __init__(self, limits: ConnectionLimits, trusted_proxies: Iterable[str] = ()) -> None:
        """Take the limits, and the proxies that bring the connections of many people."""
        self._limits = limits
        self._is_trusted = trusting(trusted_proxies)
        self.requests = ConnectionKind(limits.requests)
        self.sockets = ConnectionKind(limits.sockets)
        self._sweeping: asyncio.TimerHandle | None = None

    def opened(
        self, kind: ConnectionKind, transport: asyncio.Transport, address: str
    ) -> Tracked | None:
        """Track a new connection, which is to be counted soon; None where there is no room."""
        if not self._has_room(kind):
            return None
        loop = asyncio.get_running_loop()
        tracked = Tracked(transport, address, loop.time())
        kind.tracked[tracked] = None
        if self._sweeping is None:
            self._sweeping = loop.call_later(self._limits.sweep_seconds, self._sweep, loop)
        return tracked

    def count(self, kind: ConnectionKind, tracked: Tracked) -> bool:
        """Count a connection for its address; tell whether it may stay."""
        if tracked.counts or tracked not in kind.tracked:
            return True
        if not self._has_room_for(kind, tracked.address):
            return False
        tracked.counts = True
        kind.of_address[tracked.address] += 1
        return True

    def closed(self, kind: ConnectionKind, tracked: Tracked | None) -> None:
        """Track a connection no more."""
        if tracked not in kind.tracked:
            return
        del kind.tracked[tracked]
        if tracked.counts:
            kind.of_address[tracked.address] -= 1
            if not kind.of_address[tracked.address]:
                del kind.of_address[tracked.address]

    def make_room(self, kind: ConnectionKind, address: str) -> bool:
        """Tell whether one more may be opened, for which a silent one may have to go."""
        return self._has_room_for(kind, address) and self._has_room(kind)

    def _has_room(self, kind: ConnectionKind) -> bool:
        if len(kind.tracked) < kind.room.most or self._evict(kind, lambda one: one.counts):
            return True
        # Thousands have come before one of them could be read.
        return self._evict(kind, lambda _: True)

    def _has_room_for(self, kind: ConnectionKind, address: str) -> bool:
        return (
            self._is_trusted(address)
            or kind.of_address[address] < kind.room.most_per_address
            or self._evict(kind, lambda one: one.counts and one.address == address)
        )

    def _evict(self, kind: ConnectionKind, is_meant: Callable[[Tracked], bool]) -> bool:
        for one in kind.tracked:
            if one.phase is Phase.HEAD and is_meant(one):
                one.transport.abort()
                self.closed(kind, one)
                return True
        return False

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        for kind in (self.requests, self.sockets):
            for one in list(kind.tracked):
                self._look_at(one, loop.time())
        self._sweeping = None
        if self.requests.tracked or self.sockets.tracked:
            self._sweeping = loop.call_later(self._limits.sweep_seconds, self._sweep, loop)

    def _look_at(self, one: Tracked, now: float) -> None:
        if one.transport.is_closing():
            # It waits for the peer to take what is left.
            one.closing_since = one.closing_since or now
        begun = one.closing_since or one.paused_since
        if begun and now - begun > self._limits.stalled_seconds:
            one.transport.abort()
        elif one.phase is not Phase.NOTHING and now - one.since > self._seconds(one.phase):
            one.transport.close()

    def _seconds(self, phase: Phase) -> float:
        return self._limits.head_seconds if phase is Phase.HEAD else self._limits.body_seconds


def trusting(proxies: Iterable[str]) -> Callable[[str], bool]:
    """Return what tells whether an address is one of these: addresses, networks, or `*` for all."""
    names = set(proxies)
    networks = [network for name in names if (network := _network(name))]

    def is_trusted(address: str) -> bool:
        if "*" in names or address in names:
            return True
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in networks)

    return is_trusted


def _network(name: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(name)
    except ValueError:
        return None
