"""What all of the API takes and gives; times are ISO 8601 in UTC."""

from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field

from mprelease.domain.problems import ProblemDetail
from mprelease.i18n import Translator

Item = TypeVar("Item")


class Listed(BaseModel, Generic[Item]):
    """A part of a long list; `next` is the `before` of what follows, null at the end."""

    items: list[Item]
    next: int | None


class ProblemModel(BaseModel):
    """What went wrong, and what to do, in the language of the request."""

    problem: str
    message: str
    remedy: str

    @classmethod
    def of(cls, problem_detail: ProblemDetail, t: Translator) -> "ProblemModel":
        """Return a problem in the reader's language."""
        return cls(
            problem=problem_detail.problem,
            message=t.of(problem_detail.message),
            remedy=t.of(problem_detail.remedy),
        )


class RefusalModel(ProblemModel):
    """Why a request is refused."""

    app: str | None = Field(
        None, description="the app that it is about; only where several apps were asked for"
    )

    @classmethod
    def of(cls, problem_detail: ProblemDetail, t: Translator) -> "RefusalModel":
        """Put a refusal into words."""
        told = ProblemModel.of(problem_detail, t)
        return cls(**pick(told, "problem", "message", "remedy"), app=problem_detail.app)


def moment(milliseconds: int) -> datetime:
    """Return a time that is kept in ms since the epoch."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def optional_time(milliseconds: int | None) -> datetime | None:
    """Return a time that may not have come yet."""
    return None if milliseconds is None else moment(milliseconds)


def pick(noun: object, *names: str) -> dict[str, Any]:
    """Return these properties of a noun by their names."""
    return {name: getattr(noun, name) for name in names}
