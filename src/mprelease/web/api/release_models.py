"""Models of logs and of the resolution of a release in the API."""

from datetime import datetime

from pydantic import BaseModel, Field

from mprelease.domain.logs import LogLine, Position
from mprelease.domain.releases import Stage
from mprelease.schemas.documents import moment, pick
from mprelease.schemas.fields import Record, Text


class Resolution(Record):
    """The decision about a release of unknown state: whether the platform received it."""

    published: bool


class KeepMark(Record):
    """Whether a cleanup leaves a release."""

    kept: bool


class Repetition(Record):
    """How an earlier release is repeated."""

    build_anew: bool = Field(default=False, description="option.build_anew")


class NodeChoice(Record):
    """The Node that an app is built with from now on."""

    node: Text = Field(description="option.node")


class PositionModel(BaseModel):
    """The position of a line in a log."""

    attempt: int
    line: int


class LineModel(PositionModel):
    """One line of a log."""

    at: datetime
    stage: Stage
    text: str

    @classmethod
    def of(cls, line: LogLine) -> "LineModel":
        """Return the model of a line."""
        at = moment(line.at)
        return cls(**pick(line.position, "attempt", "line"), at=at, **pick(line, "stage", "text"))


class LogModel(BaseModel):
    """A part of a log; request the following lines with `next`, until `is_over`."""

    items: list[LineModel]
    next: PositionModel
    is_over: bool

    @classmethod
    def of(cls, lines: list[LogLine], after: Position, *, is_over: bool) -> "LogModel":
        """Return the model of the lines after a position."""
        last = lines[-1].position if lines else after
        reached = PositionModel(**pick(last, "attempt", "line"))
        return cls(items=[LineModel.of(one) for one in lines], next=reached, is_over=is_over)
