"""Ask the database to accept something: whether it has, decides between exit code 1 and 2."""

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


def accepted(ask: Callable[[], _Accepted]) -> _Accepted:
    """Return what was accepted; a busy database has accepted nothing, and is asked again.

    Raise Refused while it stays busy, and TroubleError where it went away: it may have accepted.
    """
    from mprelease.storage.outage import OUTAGE, problem_detail_of_outage

    for left in reversed(range(_TRIES)):
        try:
            return ask()
        except OUTAGE as outage:
            problem_detail = problem_detail_of_outage(outage)
            if problem_detail.problem is not Problem.DATABASE_BUSY:
                raise ProblemError(problem_detail.problem, **problem_detail.parameters) from outage
            if not left:
                raise Refused(problem_detail.problem, **problem_detail.parameters) from outage
        time.sleep(random.uniform(0, _LONGEST_PAUSE))  # noqa: S311 others try at other moments
    raise AssertionError


@contextmanager
def after_acceptance() -> Iterator[None]:
    """Raise ProblemError where the database goes away, and what was accepted goes on without us."""
    from mprelease.storage.outage import OUTAGE, problem_detail_of_outage

    try:
        yield
    except OUTAGE as outage:
        problem_detail = problem_detail_of_outage(outage)
        raise ProblemError(problem_detail.problem, **problem_detail.parameters) from outage
