"""The newest lines of the attempt that runs, joined without a seam."""

import threading
from collections.abc import Sequence
from itertools import groupby

from mprelease.domain.logs import LogLine, Passage, Position

# So many lines are kept, and up to twice as many for a while.
_KEPT = 20_000


class Tail:
    """Keep lines that follow each other; from any thread.

    Lines come from whoever writes them and, where that one is elsewhere, from the storage: in any
    order, some twice, some never. What is kept never has a gap.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        """Begin with nothing; `kept` is how many lines stay at least."""
        self._kept = kept
        self._lock = threading.Lock()
        self._attempt = 0
        self._before = 0  # the number of the line before the first one that is kept
        self._lines: list[LogLine] = []

    @property
    def end(self) -> Position:
        """Return the position of the last line."""
        with self._lock:
            return Position(self._attempt, self._before + len(self._lines))

    def begin(self, position: Position) -> None:
        """Begin behind a position, unless something has come already."""
        with self._lock:
            if not self._attempt:
                self._begin(position)

    def add(self, lines: Sequence[LogLine]) -> bool:
        """Add lines that follow each other; return whether nothing is missing before them.

        A later attempt begins anew. Lines that are known already change nothing.
        """
        first, last = lines[0].position, lines[-1].position
        with self._lock:
            if first.attempt > self._attempt:
                self._begin(Position(first.attempt, 0))
            end = self._before + len(self._lines)
            if first.attempt < self._attempt or last.line <= end:
                return True
            if first.line > end + 1:
                return False
            self._lines += lines[end + 1 - first.line :]
            self._trim()
            return True

    def after(self, position: Position) -> list[Passage] | None:
        """Return what follows a position; None where only the storage can tell."""
        with self._lock:
            known = position.line - self._before
            # Before anything has come, there is no attempt here.
            if (
                not self._attempt
                or position.attempt != self._attempt
                or not 0 <= known <= len(self._lines)
            ):
                return None
            lines = self._lines[known:]
        by_stage = groupby(lines, key=lambda line: line.stage)
        return [_passage(list(of_stage)) for _, of_stage in by_stage]

    def _begin(self, position: Position) -> None:
        self._attempt, self._before = position.attempt, position.line
        self._lines = []

    def _trim(self) -> None:
        if len(self._lines) > 2 * self._kept:
            gone = len(self._lines) - self._kept
            self._before += gone
            del self._lines[:gone]


def _passage(lines: list[LogLine]) -> Passage:
    return Passage(lines[0].position, lines[0].stage, [(line.at, line.text) for line in lines])
