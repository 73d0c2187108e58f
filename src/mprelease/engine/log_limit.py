"""Limit the size of a log by keeping its beginning and its end."""

from collections import deque

from mprelease.domain.logs import LogLimits
from mprelease.domain.problems import Message
from mprelease.i18n import Translator

_MEBI = 1 << 20


class LimitedLog:
    """Select the lines of one attempt that are stored; not thread-safe.

    Each stage may use half of the remaining limit for its beginning and a quarter for its end, so
    that something remains for the stages after it. Lines beyond the beginning are buffered until
    the stage ends; the buffer is limited to that quarter.
    """

    def __init__(self, limits: LogLimits, words: Translator) -> None:
        """Take the limits; `words` translates the lines that mark an omission."""
        self._size, self._lines = limits.size, limits.lines
        self._words = words
        self._is_cut = False
        self._begin()

    def take(self, line: str) -> list[str]:
        """Return the lines to write now: the line, or once per stage a note about the limit."""
        encoded = line.encode()
        if not self._is_cut and self._fits(len(encoded)):
            self._head_size -= len(encoded)
            self._head_lines -= 1
            self._spend(encoded)
            return [line]
        notes = [] if self._is_cut else [self._words.of(self._cut())]
        self._is_cut = True
        self._keep(encoded)
        return notes

    def end_stage(self) -> list[str]:
        """Return the buffered end of the stage's log, if it was cut, and begin the next stage."""
        kept = [encoded.decode() for encoded in self._tail]
        left_out = [self._words.of(self._left_out())] if self._left_out_lines else []
        for encoded in self._tail:
            self._spend(encoded)
        self._begin()
        return left_out + kept

    def _begin(self) -> None:
        self._head_size, self._head_lines = self._size // 2, self._lines // 2
        self._tail_size, self._tail_lines = self._size // 4, self._lines // 4
        # As bytes: a str with one character beyond Latin-1 takes up to four bytes per character.
        self._tail: deque[bytes] = deque()
        self._kept_size = self._left_out_size = self._left_out_lines = 0
        self._is_cut = False

    def _fits(self, size: int) -> bool:
        return size <= self._head_size and self._head_lines > 0

    def _spend(self, encoded: bytes) -> None:
        self._size -= len(encoded)
        self._lines -= 1

    def _keep(self, encoded: bytes) -> None:
        self._tail.append(encoded)
        self._kept_size += len(encoded)
        while self._kept_size > self._tail_size or len(self._tail) > self._tail_lines:
            dropped = len(self._tail.popleft())
            self._kept_size -= dropped
            self._left_out_size += dropped
            self._left_out_lines += 1

    def _cut(self) -> Message:
        mebibytes = _mebibytes(self._tail_size)
        return Message("log.cut", {"mebibytes": mebibytes, "lines": self._tail_lines})

    def _left_out(self) -> Message:
        mebibytes = _mebibytes(self._left_out_size)
        return Message("log.left_out", {"lines": self._left_out_lines, "mebibytes": mebibytes})


def _mebibytes(size: int) -> str:
    return f"{size / _MEBI:.1f}"
