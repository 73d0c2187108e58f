"""The newest lines of the attempt that runs, joined without a seam."""

import sys
import threading
from collections.abc import Sequence
from itertools import groupby

from mprelease.domain.logs import START, LogLine, Passage, Position

# So many lines, and bytes of memory for their texts, are kept; up to twice as many for a while.
_KEPT = 20_000
_KEPT_BYTES = 2 << 20
# So many bytes are told at once; whoever wants more asks again.
_TOLD_BYTES = 256 << 10


class Tail:
    """Keep lines that follow each other; from any thread.

    Lines come from whoever writes them and, where that one is elsewhere, from the storage: in any
    order, some twice, some never. What is told never has a gap: lines that come too early wait
    until the storage has told those before them.
    """

    def __init__(self, kept: int = _KEPT, kept_bytes: int = _KEPT_BYTES) -> None:
        """Begin with nothing; so many lines stay at least, unless they take more bytes."""
        self._kept = kept
        self._kept_bytes = kept_bytes
        self._lock = threading.Lock()
        self._attempt = 0
        self._before = 0  # the number of the line before the first one that is kept
        self._lines: list[LogLine] = []
        self._size = 0  # bytes of the texts that are kept
        self._early: list[LogLine] = []  # lines behind a gap, themselves without one

    @property
    def end(self) -> Position:
        """Return the position of the last line."""
        with self._lock:
            return Position(self._attempt, self._end)

    def begin(self, position: Position) -> None:
        """Begin behind a position, unless it has begun already."""
        with self._lock:
            if not self._attempt:
                self._begin(position)

    def add(self, lines: Sequence[LogLine]) -> None:
        """Add lines that follow each other.

        A later attempt begins anew. Lines that are known already change nothing.
        """
        first = lines[0].position
        with self._lock:
            # The first line begins a log; with a later one only the storage knows what is before.
            if first.attempt > self._attempt and (self._attempt or first.line == 1):
                self._begin(Position(first.attempt, 0))
            if not self._attempt:
                self._wait(lines)
            elif first.attempt == self._attempt:
                self._join(lines)

    def cut(self, position: Position) -> None:
        """Forget the lines behind a position: they were never stored, and their writer is dead."""
        with self._lock:
            if position.attempt == self._attempt:
                del self._lines[max(0, position.line - self._before) :]
                self._size = _size(self._lines)
                self._before = min(self._before, position.line)

    def after(self, position: Position) -> list[Passage] | None:
        """Return what follows a position, or as much as is told at once.

        None where only the storage can tell.
        """
        with self._lock:
            known = position.line - self._before
            # Before anything has come, there is no attempt here.
            if (
                not self._attempt
                or position.attempt != self._attempt
                or not 0 <= known <= len(self._lines)
            ):
                return None
            lines = self._lines[known : self._enough(known)]
        by_stage = groupby(lines, key=lambda line: line.stage)
        return [_passage(list(of_stage)) for _, of_stage in by_stage]

    @property
    def _end(self) -> int:
        return self._before + len(self._lines)

    def _begin(self, position: Position) -> None:
        self._attempt, self._before = position.attempt, position.line
        self._lines, self._size = [], 0
        self._join_early()

    def _join(self, lines: Sequence[LogLine]) -> None:
        if lines[0].position.line > self._end + 1:
            self._wait(lines)
        elif lines[-1].position.line > self._end:
            new = lines[self._end + 1 - lines[0].position.line :]
            self._lines += new
            self._size += _size(new)
            self._join_early()
            self._trim()

    def _wait(self, lines: Sequence[LogLine]) -> None:
        first = lines[0].position
        last = self._early[-1].position if self._early else START
        if first.attempt == last.attempt and first.line <= last.line + 1:
            self._early += lines[last.line + 1 - first.line :]
        elif first.attempt >= last.attempt:
            # What lies between is stored, or will be.
            self._early = list(lines)
        del self._early[: -2 * self._kept]
        while _size(self._early) > 2 * self._kept_bytes:
            del self._early[: len(self._early) // 2 + 1]

    def _join_early(self) -> None:
        early, self._early = self._early, []
        if early and early[0].position.attempt == self._attempt:
            self._join(early)

    def _trim(self) -> None:
        if len(self._lines) > 2 * self._kept or self._size > 2 * self._kept_bytes:
            gone = max(0, len(self._lines) - self._kept)
            left = self._size - _size(self._lines[:gone])
            while left > self._kept_bytes:
                left -= _size(self._lines[gone : gone + 1])
                gone += 1
            self._before, self._size = self._before + gone, left
            del self._lines[:gone]

    def _enough(self, first: int) -> int:
        """Return up to which line is told at once, at least one of those that are there."""
        size = 0
        for index in range(first, len(self._lines)):
            size += sys.getsizeof(self._lines[index].text)
            if size > _TOLD_BYTES:
                return index + 1
        return len(self._lines)


def _size(lines: Sequence[LogLine]) -> int:
    return sum(sys.getsizeof(line.text) for line in lines)


def _passage(lines: list[LogLine]) -> Passage:
    return Passage(lines[0].position, lines[0].stage, [(line.at, line.text) for line in lines])
