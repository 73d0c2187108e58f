"""Limit how many threads of a web node wait for the answers of workers."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem

# Of the 40 threads that serve pages, 16 always remain for other pages.
_AT_ONCE = 24
_OF_ONE_HOST = 8


class WaitingQueries:
    """Count the queries that wait for an answer, in total and about each host; thread-safe.

    One host never has more than half of what is left, so that several silent hosts cannot have all.
    """

    def __init__(self, at_once: int = _AT_ONCE, of_one_host: int = _OF_ONE_HOST) -> None:
        """Take the greatest numbers of queries, in total and about one host."""
        self._at_once = at_once
        self._of_one_host = of_one_host
        self._lock = threading.Lock()
        self._waiting: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def counted(self, label: str, host: str) -> Iterator[None]:
        """Count a query about a host, sent to the workers of a label, during the block.

        Raise Refused(TOO_MANY_QUERIES), with the hosts that are waited for, if too many wait.
        """
        key = label, host
        with self._lock:
            self._refuse_too_many(key)
            self._waiting[key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting[key] -= 1
                self._waiting += Counter()  # drops hosts that are not waited for

    def _refuse_too_many(self, key: tuple[str, str]) -> None:
        free = self._at_once - self._waiting.total()
        if not free:
            hosts = sorted({host for _, host in self._waiting})
            raise Refused(Problem.TOO_MANY_QUERIES, host=", ".join(hosts))
        if self._waiting[key] >= min(self._of_one_host, free):
            raise Refused(Problem.TOO_MANY_QUERIES, host=key[1])
