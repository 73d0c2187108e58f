"""Limit how often somebody may guess a password, without letting strangers shut others out.

Limits of strangers count by address first: an attempt that an address may not make counts nowhere
else, so one address alone uses up no name. A browser that has logged in before, and a password that
was made here, have limits of their own. All counts of a user begin anew with a new password, on
every node: they are kept under the account's stamp, which changes with it.
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
# More than a single address may ever use.
_OF_NAME = parse("100 per hour")
_SHARED = {_OF_ADDRESS, _OF_NAME}
_OF_BROWSER = (parse("8 per 5 minutes"), parse("50 per day"))
_OF_ISSUED = parse("8 per 5 minutes")
# Names that nobody has, and that are made up without end, share so many counters.
_UNKNOWN_NAMES = 4096
_MANY_COUNTERS = 20_000
_Counter = tuple[RateLimitItem, tuple[str, ...]]


@dataclass(frozen=True)
class Attempt:
    """A password that somebody gives.

    `account` is whose name it is, None for nobody's; `browser` tells one that has logged in to this
    account before, `issued` a password that was made here, by something that differs for each.
    """

    name: str
    address: str
    account: LoginAccount | None = None
    browser: str | None = None
    issued: str | None = None


class LoginThrottle:
    """Count on this node, from any thread, the passwords that were wrong."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)

    def count(self, attempt: Attempt) -> None:
        """Count an attempt, before it costs anything; raise Refused(LOGIN_TOO_OFTEN)."""
        self._count(_counters(attempt), Problem.LOGIN_TOO_OFTEN)

    def succeeded(self, attempt: Attempt) -> None:
        """Take back what this attempt counted for an address and a name, which others share.

        The wrong attempts of whoever has remembered the password are forgotten.
        """
        counters = _counters(attempt)
        self._clear([one for one in counters if one[0] not in _SHARED])
        self._take_back([one for one in counters if one[0] in _SHARED])

    def count_own(self, key_id: int) -> None:
        """Count a try at one's own password by a login; raise Refused(PASSWORD_TOO_OFTEN).

        It is the login that is limited, not its user: whoever has stolen it locks out nobody else.
        """
        self._count(_own(key_id), Problem.PASSWORD_TOO_OFTEN)

    def own_succeeded(self, key_id: int) -> None:
        """Forget a login's tries."""
        self._clear(_own(key_id))

    def _count(self, counters: list[_Counter], problem: Problem) -> None:
        with self._lock:
            if full := [one for one in counters if not self._limiter.test(one[0], *one[1])]:
                raise Refused(problem, minutes=max(map(self._minutes, full)))
            for limit, subject in counters:
                self._limiter.hit(limit, *subject)
            self._forget_empty()

    def _clear(self, counters: list[_Counter]) -> None:
        with self._lock:
            for limit, subject in counters:
                self._limiter.clear(limit, *subject)

    def _take_back(self, counters: list[_Counter]) -> None:
        """Make the last hit of counters undone; the library cannot."""
        with self._lock:
            for limit, subject in counters:
                if entries := self._storage.events.get(limit.key_for(*subject)):
                    del entries[0]

    def _minutes(self, counter: _Counter) -> int:
        """Return after how many minutes a counter that is full has room again."""
        ends_at = self._limiter.get_window_stats(counter[0], *counter[1]).reset_time
        return max(1, math.ceil((ends_at - time.time()) / 60))

    def _forget_empty(self) -> None:
        # The library keeps an empty list for every subject that there ever was.
        events = self._storage.events
        if len(events) > _MANY_COUNTERS:
            for key in [key for key, entries in list(events.items()) if not entries]:
                del events[key]


def _counters(attempt: Attempt) -> list[_Counter]:
    if attempt.issued:
        return [(_OF_ISSUED, ("issued", attempt.issued))]
    who = _who(attempt)
    if attempt.browser:
        return [(limit, ("browser", attempt.browser, who)) for limit in _OF_BROWSER]
    address = _network(attempt.address)
    of_both = [(limit, ("address and name", address, who)) for limit in _FROM_ADDRESS]
    return [(_OF_ADDRESS, ("address", address)), *of_both, (_OF_NAME, ("name", who))]


def _own(key_id: int) -> list[_Counter]:
    return [(limit, ("own", str(key_id))) for limit in _OF_BROWSER]


def _who(attempt: Attempt) -> str:
    if attempt.account:
        return f"user {attempt.account.user_id} {attempt.account.stamp}"
    digest = hashlib.sha256(attempt.name.strip().casefold().encode(errors="replace")).digest()
    return f"unknown {int.from_bytes(digest) % _UNKNOWN_NAMES}"


def _network(address: str) -> str:
    """Return what one customer of a provider is given: an IPv4 address, or an IPv6 network."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or IPv6Network((found, 64), strict=False))
    return str(found)
