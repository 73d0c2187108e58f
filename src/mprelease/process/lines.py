"""Cut a stream of bytes into lines while it arrives."""

import re
import time
from collections import deque
from collections.abc import Callable, Iterator

LONGEST = 64 * 1024

# So often, in seconds, a line that is drawn anew again and again is given as it stands.
REDRAWN_SECONDS = 10.0

_ENDS = re.compile(rb"\r\n|\n|\r")
# What else puts the cursor at the beginning of the line: CHA, to column 1.
_TO_COLUMN_ONE = re.compile(r"\x1b\[[01]?G")
_CONTINUATION = range(0x80, 0xC0)


class Lines:
    """Give each line to a listener as soon as it is complete, without its end.

    What a carriage return draws anew, such as a progress bar, is one line: its last state. While
    it goes on its present state is given every 10 s, so that whoever watches sees that it lives.

    Lines are decoded as UTF-8, with replacement characters where they are not. A line of more than
    64 KiB is given in pieces.
    """

    def __init__(
        self, listener: Callable[[str], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin with nothing read; `now` is a clock in seconds."""
        self._listener = listener
        self._now = now
        self._rest = bytearray()
        self._drawn = b""
        self._drawn_since: float | None = None

    def feed(self, chunk: bytes) -> None:
        """Take what was read; raise whatever the listener raises."""
        # What lies here holds no end, and is not searched again: it may grow a byte at a time.
        begin = 0
        for end in _ENDS.finditer(chunk):
            self._rest += chunk[begin : end.start()]
            begin = end.end()
            if end[0] == b"\r":
                self._return()
            else:
                self._complete()
        self._rest += chunk[begin:]
        if len(self._rest) > LONGEST:
            self._rest = bytearray(self._give_pieces(bytes(self._rest)))

    def end(self) -> None:
        """Give the last line, which nothing ended."""
        if self._rest or self._drawn:
            self._complete()

    def _return(self) -> None:
        """Let what follows take the place of what stands in the line."""
        if not self._rest:
            return
        self._drawn = self._give_pieces(bytes(self._rest))
        self._rest.clear()
        now = self._now()
        if self._drawn_since is None:
            self._drawn_since = now
        elif now - self._drawn_since >= REDRAWN_SECONDS:
            self._give(self._drawn)
            self._drawn, self._drawn_since = b"", now

    def _complete(self) -> None:
        line = bytes(self._rest) or self._drawn
        is_told = self._drawn_since is not None and not line
        self._rest.clear()
        self._drawn, self._drawn_since = b"", None
        if not is_told:
            self._give(line)

    def _give(self, line: bytes) -> None:
        self._tell(self._give_pieces(line))

    def _give_pieces(self, line: bytes) -> bytes:
        """Give all of a line that is too much for one; return what remains."""
        while len(line) > LONGEST:
            cut = LONGEST
            while line[cut] in _CONTINUATION and cut > LONGEST - 4:
                cut -= 1
            self._tell(line[:cut])
            line = line[cut:]
        return line

    def _tell(self, line: bytes) -> None:
        text = line.decode(errors="replace")
        states = _TO_COLUMN_ONE.split(text) if "\x1b[" in text else [text]
        self._listener(next((state for state in reversed(states) if state), ""))


class LastLines:
    """Keep the last lines that were added, within a number of lines and of characters.

    Of a line of more than `longest` characters its beginning is kept. Not for several threads at
    once.
    """

    def __init__(self, lines: int, *, characters: int = 256 * 1024, longest: int = 4096) -> None:
        """Begin with none."""
        self._longest = longest
        self._kept: deque[str] = deque()
        self._lines = lines
        self._characters = characters
        self._size = 0

    def add(self, line: str) -> None:
        """Add a line, and forget the first ones where they are too many."""
        self._kept.append(line[: self._longest])
        self._size += len(self._kept[-1])
        while len(self._kept) > self._lines or self._size > self._characters:
            self._size -= len(self._kept.popleft())

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        """Yield the lines that are kept, the oldest first."""
        return iter(self._kept)
