"""Limit how often somebody may guess a password."""

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem

# One name from one place, and one place with whatever names.
_OF_NAME = parse("8 per 5 minutes")
_OF_ADDRESS = parse("60 per 5 minutes")


class Attempts:
    """Count the failed logins of this node."""

    def __init__(self) -> None:
        """Begin with none."""
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def refuse_too_many(self, name: str, address: str) -> None:
        """Raise Refused when a further attempt must wait."""
        of_name = self._limiter.test(_OF_NAME, address, name)
        if not (of_name and self._limiter.test(_OF_ADDRESS, address)):
            raise Refused(Problem.LOGIN_TOO_OFTEN, minutes=5)

    def failed(self, name: str, address: str) -> None:
        """Count a failed attempt."""
        self._limiter.hit(_OF_NAME, address, name)
        self._limiter.hit(_OF_ADDRESS, address)
