"""Keep the beginning and the end of a log that is too long."""

from collections import deque

from mprelease.domain.logs import LogLimits
from mprelease.domain.problems import Message
from mprelease.i18n import Translator

_MEBI = 1 << 20


class LimitedLog:
    """Decide which lines of one attempt are kept.

    Each stage may take a half of what the stages before have left for its beginning, and a quarter
    for its end: so something is left for each that follows. What does not fit into the beginning
    waits here until the stage ends, in no more bytes than that quarter. Not for several threads at
    once.
    """

    def __init__(self, limits: LogLimits, words: Translator) -> None:
        """Begin with nothing said; `words` are for the lines that tell what was left out."""
        self._size, self._lines = limits.size, limits.lines
        self._words = words
        self._is_cut = False
        self._begin()

    def take(self, line: str) -> list[str]:
        """Return what is to be written now: the line, or once that it and others have to wait."""
        encoded = line.encode()
        if not self._is_cut and self._fits(len(encoded)):
            self._head_size -= len(encoded)
            self._head_lines -= 1
            self._spend(encoded)
            return [line]
        said = [] if self._is_cut else [self._words.of(self._cut())]
        self._is_cut = True
        self._keep(encoded)
        return said

    def end_stage(self) -> list[str]:
        """Return the end of the stage's log, where it was cut; the next stage begins."""
        kept = [encoded.decode() for encoded in self._tail]
        left_out = [self._words.of(self._left_out())] if self._left_out_lines else []
        for encoded in self._tail:
            self._spend(encoded)
        self._begin()
        return left_out + kept

    def _begin(self) -> None:
        self._head_size, self._head_lines = self._size // 2, self._lines // 2
        self._tail_size, self._tail_lines = self._size // 4, self._lines // 4
        # As bytes: a text with one character beyond the Latin ones takes four times as much.
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
            forgotten = len(self._tail.popleft())
            self._kept_size -= forgotten
            self._left_out_size += forgotten
            self._left_out_lines += 1

    def _cut(self) -> Message:
        mebibytes = _mebibytes(self._tail_size)
        return Message("log.cut", {"mebibytes": mebibytes, "lines": self._tail_lines})

    def _left_out(self) -> Message:
        mebibytes = _mebibytes(self._left_out_size)
        return Message("log.left_out", {"lines": self._left_out_lines, "mebibytes": mebibytes})


def _mebibytes(size: int) -> str:
    return f"{size / _MEBI:.1f}"
