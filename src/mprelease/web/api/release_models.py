"""The log of a release, and how its end is decided, as the API takes and gives them."""

from datetime import datetime

from pydantic import BaseModel

from mprelease.domain.logs import LogLine, Position
from mprelease.domain.releases import Stage
from mprelease.schemas.documents import moment, pick
from mprelease.schemas.fields import Record


class Resolution(Record):
    """How a release ended of which nobody knows: whether the platform got it."""

    published: bool


class PositionModel(BaseModel):
    """Where a line of a log stands."""

    attempt: int
    line: int


class LineModel(PositionModel):
    """One line of a log."""

    at: datetime
    stage: Stage
    text: str

    @classmethod
    def of(cls, line: LogLine) -> "LineModel":
        """Show a line."""
        at = moment(line.at)
        return cls(**pick(line.position, "attempt", "line"), at=at, **pick(line, "stage", "text"))


class LogModel(BaseModel):
    """A part of a log; ask for what follows with `next`, until nothing more will come."""

    items: list[LineModel]
    next: PositionModel
    is_over: bool

    @classmethod
    def of(cls, lines: list[LogLine], asked: Position, *, is_over: bool) -> "LogModel":
        """Show lines that follow the position that was asked for."""
        last = lines[-1].position if lines else asked
        reached = PositionModel(**pick(last, "attempt", "line"))
        return cls(items=[LineModel.of(one) for one in lines], next=reached, is_over=is_over)
