"""Limit how often a password may be guessed, without letting attackers lock users out.

Attempts are counted by address first: one that exceeds the limit of its address is not counted for
the user name, so a single address cannot use up the limit of a name. Browsers that have logged in
before, and generated passwords, have separate limits. All counts of a user restart with a new
password, on every node: their keys contain the account's stamp, which changes with it.
"""

import hashlib
import math
import threading
import time
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.services.sessions import LoginAccount

_OF_ADDRESS = parse("60 per 5 minutes")
_FROM_ADDRESS = (parse("8 per 5 minutes"), parse("20 per hour"))
# More than a single address can use.
_OF_NAME = parse("100 per hour")
_SHARED = {_OF_ADDRESS, _OF_NAME}
_OF_BROWSER = (parse("8 per 5 minutes"), parse("50 per day"))
_OF_ISSUED = parse("8 per 5 minutes")
# Unknown names share this many counters, because an attacker can make up any number of them.
_UNKNOWN_NAMES = 4096
_MANY_COUNTERS = 20_000
_Counter = tuple[RateLimitItem, tuple[str, ...]]


@dataclass(frozen=True)
class Attempt:
    """An attempt to log in.

    `account` is None for an unknown name; `browser` is the id of a browser that has logged in to
    this account before; `issued` is a fingerprint of the password if it has the form of a
    generated one.
    """

    name: str
    address: str
    account: LoginAccount | None = None
    browser: str | None = None
    issued: str | None = None


class LoginThrottle:
    """Count failed attempts on this node; may be shared by threads."""

    def __init__(self) -> None:
        """Begin without counts."""
        self._lock = threading.Lock()
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)

    def count(self, attempt: Attempt) -> None:
        """Count an attempt, before the password is hashed; raise Refused(LOGIN_TOO_OFTEN)."""
        self._count(_counters(attempt), Problem.LOGIN_TOO_OFTEN)

    def succeeded(self, attempt: Attempt) -> None:
        """Undo the count of a successful attempt for its address and name, which others share.

        Failed attempts of the same user from the same address or browser are removed as well.
        """
        counters = _counters(attempt)
        self._clear([one for one in counters if one[0] not in _SHARED])
        self._undo_last([one for one in counters if one[0] in _SHARED])

    def count_own(self, key_id: int) -> None:
        """Count a login's attempt at its user's password; raise Refused(PASSWORD_TOO_OFTEN).

        The login is limited, not the user, so that a stolen login cannot lock out the user.
        """
        self._count(_own(key_id), Problem.PASSWORD_TOO_OFTEN)

    def own_succeeded(self, key_id: int) -> None:
        """Remove the counts of a login."""
        self._clear(_own(key_id))

    def _count(self, counters: list[_Counter], problem: Problem) -> None:
        with self._lock:
            if full := [one for one in counters if not self._limiter.test(one[0], *one[1])]:
                raise Refused(problem, minutes=max(map(self._minutes, full)))
            for limit, subject in counters:
                self._limiter.hit(limit, *subject)
            self._remove_empty()

    def _clear(self, counters: list[_Counter]) -> None:
        with self._lock:
            for limit, subject in counters:
                self._limiter.clear(limit, *subject)

    def _undo_last(self, counters: list[_Counter]) -> None:
        """Remove the last hit of counters, which the library does not offer."""
        with self._lock:
            for limit, subject in counters:
                if entries := self._storage.events.get(limit.key_for(*subject)):
                    del entries[0]

    def _minutes(self, counter: _Counter) -> int:
        """Return after how many minutes a counter that has reached its limit allows another hit."""
        ends_at = self._limiter.get_window_stats(counter[0], *counter[1]).reset_time
        return max(1, math.ceil((ends_at - time.time()) / 60))

    def _remove_empty(self) -> None:
        # The library keeps an empty list for every subject.
        events = self._storage.events
        if len(events) > _MANY_COUNTERS:
            for key in [key for key, entries in list(events.items()) if not entries]:
                del events[key]


def _counters(attempt: Attempt) -> list[_Counter]:
    if attempt.issued:
        return [(_OF_ISSUED, ("issued", attempt.issued))]
    user = _user(attempt)
    if attempt.browser:
        return [(limit, ("browser", attempt.browser, user)) for limit in _OF_BROWSER]
    address = _network(attempt.address)
    of_both = [(limit, ("address and name", address, user)) for limit in _FROM_ADDRESS]
    return [(_OF_ADDRESS, ("address", address)), *of_both, (_OF_NAME, ("name", user))]


def _own(key_id: int) -> list[_Counter]:
    return [(limit, ("own", str(key_id))) for limit in _OF_BROWSER]


def _user(attempt: Attempt) -> str:
    if attempt.account:
        return f"user {attempt.account.user_id} {attempt.account.stamp}"
    digest = hashlib.sha256(attempt.name.strip().casefold().encode(errors="replace")).digest()
    return f"unknown {int.from_bytes(digest) % _UNKNOWN_NAMES}"


def _network(address: str) -> str:
    """Return what one customer of a provider has: an IPv4 address, or an IPv6 network (/64)."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Network((parsed, 64), strict=False))
    return str(parsed)
