"""Log lines and their positions."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mprelease.domain.releases import Stage


class LogFormat(StrEnum):
    """How mprelease writes its own log."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, order=True)
class Position:
    """Position of a line: attempt and line number, both from 1."""

    attempt: int
    line: int


START = Position(0, 0)


@dataclass(frozen=True)
class LogLimits:
    """Limits of the stored log of one attempt: size in bytes of UTF-8, and number of lines."""

    size: int
    lines: int


@dataclass(frozen=True)
class LogLine:
    """One line of a release's log; `at` is in ms since the epoch."""

    position: Position
    at: int
    stage: Stage
    text: str


@dataclass(frozen=True)
class Passage:
    """Consecutive lines of one attempt and one stage, as they are stored.

    An entry is the time at which a line was written (ms since the epoch) and its text.
    """

    first: Position
    stage: Stage
    entries: Sequence[tuple[int, str]]
