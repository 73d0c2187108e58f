"""Log lines, and where they stand."""

from collections.abc import Sequence
from dataclasses import dataclass

from mprelease.domain.releases import Stage


@dataclass(frozen=True, order=True)
class Position:
    """Where a line stands: the attempt, then the line, both from 1."""

    attempt: int
    line: int


START = Position(0, 0)


@dataclass(frozen=True)
class LogLimits:
    """How much is kept of the log of one attempt: bytes of its text in UTF-8, and lines."""

    size: int
    lines: int


@dataclass(frozen=True)
class LogLine:
    """One line of a release: when it was written (ms since the epoch), in which stage, what."""

    position: Position
    at: int
    stage: Stage
    text: str


@dataclass(frozen=True)
class Passage:
    """Lines that follow each other, of one attempt and one stage, as they are kept.

    An entry is when a line was written (ms since the epoch), and its text.
    """

    first: Position
    stage: Stage
    entries: Sequence[tuple[int, str]]
