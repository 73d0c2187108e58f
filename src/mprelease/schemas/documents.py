"""Common parts of the documents of the API and `--json`; times are ISO 8601 in UTC."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Self

from pydantic import BaseModel

from mprelease.domain.problems import Message, Problem, ProblemDetail

Spell = Callable[[Message], str]
"""Returns a message in the reader's language."""


class ProblemModel(BaseModel):
    """A problem: its id, message and remedy in the reader's language."""

    problem: str
    message: str
    remedy: str

    @classmethod
    def of(cls, problem_detail: ProblemDetail, spell: Spell, **others: Any) -> Self:
        """Return the model of a problem; one that a server has reported keeps the server's id."""
        is_quoted = problem_detail.problem is Problem.SERVER_SAYS
        name = problem_detail.parameters["code"] if is_quoted else problem_detail.problem
        message, remedy = spell(problem_detail.message), spell(problem_detail.remedy)
        return cls(problem=str(name), message=message, remedy=remedy, **others)


def moment(milliseconds: int) -> datetime:
    """Return the time of ms since the epoch."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def optional_time(milliseconds: int | None) -> datetime | None:
    """Return the time of ms since the epoch; None for None."""
    return None if milliseconds is None else moment(milliseconds)


def pick(record: object, *names: str) -> dict[str, Any]:
    """Return the named attributes of a record."""
    return {name: getattr(record, name) for name in names}
