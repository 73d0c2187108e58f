"""Limit how often somebody may guess a password."""

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem

# One name from one place, one place with whatever names, and one name from wherever.
_FROM_PLACE = parse("8 per 5 minutes")
_OF_PLACE = parse("60 per 5 minutes")
_OF_NAME = parse("100 per hour")


class Attempts:
    """Count the logins of this node that have not succeeded."""

    def __init__(self) -> None:
        """Begin with none."""
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def count(self, name: str, address: str) -> None:
        """Count an attempt, before it costs anything; raise Refused when it must wait."""
        name = _same(name)
        counted = (
            self._limiter.hit(_OF_PLACE, address),
            self._limiter.hit(_FROM_PLACE, address, name),
            self._limiter.hit(_OF_NAME, name),
        )
        if not all(counted):
            raise Refused(Problem.LOGIN_TOO_OFTEN, minutes=5)

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failed attempts of somebody who has remembered the password."""
        self._limiter.clear(_FROM_PLACE, address, _same(name))


def _same(name: str) -> str:
    """Return one spelling for all that may find the same user."""
    return name.strip().casefold()
