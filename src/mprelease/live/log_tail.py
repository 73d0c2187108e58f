"""The newest lines of the running attempt in memory, without gaps or duplicates."""

import sys
import threading
from collections.abc import Sequence
from itertools import groupby

from mprelease.domain.logs import START, LogLine, Passage, Position

# Lines, and bytes of memory for their texts, that are kept; trimmed when twice as many are held.
_KEPT = 20_000
_KEPT_BYTES = 2 << 20
# Bytes that one call of `after` returns at most.
_BATCH_BYTES = 256 << 10


class LogTail:
    """Hold consecutive lines; thread-safe.

    Lines come from their writer, through the relay, and from the storage: in any order, some twice,
    some never. `after` returns no gaps: lines beyond a gap are held back until the storage has
    supplied those before them.
    """

    def __init__(self, kept: int = _KEPT, kept_bytes: int = _KEPT_BYTES) -> None:
        """Keep at least `kept` lines, unless their texts take more than `kept_bytes` of memory."""
        self._kept = kept
        self._kept_bytes = kept_bytes
        self._lock = threading.Lock()
        self._attempt = 0
        self._before = 0  # number of the line before the first one that is held
        self._lines: list[LogLine] = []
        self._size = 0  # bytes of the texts that are held
        self._early: list[LogLine] = []  # consecutive lines beyond a gap

    @property
    def end(self) -> Position:
        """Return the position of the last line."""
        with self._lock:
            return Position(self._attempt, self._end)

    def begin(self, position: Position) -> None:
        """Start after a position, unless the tail has started already."""
        with self._lock:
            if not self._attempt:
                self._begin(position)

    def add(self, lines: Sequence[LogLine]) -> None:
        """Add consecutive lines; a later attempt replaces the earlier, duplicates are ignored."""
        first = lines[0].position
        with self._lock:
            # Line 1 starts the log; before any other first line only the storage has the others.
            if first.attempt > self._attempt and (self._attempt or first.line == 1):
                self._begin(Position(first.attempt, 0))
            if not self._attempt:
                self._hold_back(lines)
            elif first.attempt == self._attempt:
                self._join(lines)

    def cut(self, position: Position) -> None:
        """Drop the lines after a position: they were never stored, and their writer has died."""
        with self._lock:
            if position.attempt == self._attempt:
                del self._lines[max(0, position.line - self._before) :]
                self._size = _size(self._lines)
                self._before = min(self._before, position.line)

    def after(self, position: Position) -> list[Passage] | None:
        """Return the lines after a position, up to 256 KiB; None if the storage must be read."""
        with self._lock:
            known = position.line - self._before
            # Attempt 0: no line was added yet.
            if (
                not self._attempt
                or position.attempt != self._attempt
                or not 0 <= known <= len(self._lines)
            ):
                return None
            lines = self._lines[known : self._batch_end(known)]
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
            self._hold_back(lines)
        elif lines[-1].position.line > self._end:
            new = lines[self._end + 1 - lines[0].position.line :]
            self._lines += new
            self._size += _size(new)
            self._join_early()
            self._trim()

    def _hold_back(self, lines: Sequence[LogLine]) -> None:
        first = lines[0].position
        last = self._early[-1].position if self._early else START
        if first.attempt == last.attempt and first.line <= last.line + 1:
            self._early += lines[last.line + 1 - first.line :]
        elif first.attempt >= last.attempt:
            # The lines between are stored, or will be.
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
            dropped = max(0, len(self._lines) - self._kept)
            left = self._size - _size(self._lines[:dropped])
            while left > self._kept_bytes:
                left -= _size(self._lines[dropped : dropped + 1])
                dropped += 1
            self._before, self._size = self._before + dropped, left
            del self._lines[:dropped]

    def _batch_end(self, first: int) -> int:
        """Return the end index of one batch, which holds at least one line if there is one."""
        size = 0
        for index in range(first, len(self._lines)):
            size += sys.getsizeof(self._lines[index].text)
            if size > _BATCH_BYTES:
                return index + 1
        return len(self._lines)


def _size(lines: Sequence[LogLine]) -> int:
    return sum(sys.getsizeof(line.text) for line in lines)


def _passage(lines: list[LogLine]) -> Passage:
    return Passage(lines[0].position, lines[0].stage, [(line.at, line.text) for line in lines])
