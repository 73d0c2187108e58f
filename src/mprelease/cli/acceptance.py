"""Send a request to the database; whether it was accepted decides between exit codes 1 and 2."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from mprelease.domain.errors import ProblemError, Refused
from mprelease.domain.problems import Problem

_TRIES = 5
_LONGEST_PAUSE = 2.0
_Accepted = TypeVar("_Accepted")


def accepted(request: Callable[[], _Accepted]) -> _Accepted:
    """Return the result of a request, which is retried up to 5 times while the database is busy.

    Raise Refused if it stays busy: nothing was accepted. Raise ProblemError if the connection was
    lost: the request may have been accepted.
    """
    from mprelease.storage.outage import OUTAGE, problem_detail_of_outage

    for left in reversed(range(_TRIES)):
        try:
            return request()
        except OUTAGE as outage:
            problem_detail = problem_detail_of_outage(outage)
            if problem_detail.problem is not Problem.DATABASE_BUSY:
                raise ProblemError(problem_detail.problem, **problem_detail.parameters) from outage
            if not left:
                raise Refused(problem_detail.problem, **problem_detail.parameters) from outage
        time.sleep(random.uniform(0, _LONGEST_PAUSE))  # noqa: S311 not all at the same time
    raise AssertionError


@contextmanager
def after_acceptance() -> Iterator[None]:
    """Raise ProblemError if the database becomes unusable; accepted releases continue."""
    from mprelease.storage.outage import OUTAGE, problem_detail_of_outage

    try:
        yield
    except OUTAGE as outage:
        problem_detail = problem_detail_of_outage(outage)
        raise ProblemError(problem_detail.problem, **problem_detail.parameters) from outage
