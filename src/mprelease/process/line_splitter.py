"""Split a stream of bytes into lines as it arrives."""

import re
import time
from collections import deque
from collections.abc import Callable, Iterator

LONGEST = 64 * 1024

# Interval in seconds at which a line that is redrawn continuously is passed on.
REDRAWN_SECONDS = 10.0

_ENDS = re.compile(rb"\r\n|\n|\r")
# Another way to move the cursor to the beginning of the line: CHA, to column 1.
_TO_COLUMN_ONE = re.compile(r"\x1b\[[01]?G")
_CONTINUATION = range(0x80, 0xC0)


class LineSplitter:
    """Pass each complete line to a listener, without its line end.

    Text that is redrawn after a carriage return, such as a progress bar, is one line: its last
    state. While it is being redrawn, its present state is passed every 10 s.

    Lines are decoded as UTF-8, with replacement characters for invalid bytes. A line of more than
    64 KiB is passed in pieces.
    """

    def __init__(
        self, listener: Callable[[str], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        """Take the listener, and a clock in seconds."""
        self._listener = listener
        self._now = now
        self._rest = bytearray()
        self._drawn = b""
        self._drawn_since: float | None = None

    def feed(self, chunk: bytes) -> None:
        """Process bytes that were read; exceptions of the listener propagate."""
        # `_rest` contains no line end and is not searched again: it may grow byte by byte.
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
        """Pass the last line, if it has no line end."""
        if self._rest or self._drawn:
            self._complete()

    def _return(self) -> None:
        """Handle a carriage return: the following text replaces the line."""
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
        was_passed = self._drawn_since is not None and not line
        self._rest.clear()
        self._drawn, self._drawn_since = b"", None
        if not was_passed:
            self._give(line)

    def _give(self, line: bytes) -> None:
        self._pass_on(self._give_pieces(line))

    def _give_pieces(self, line: bytes) -> bytes:
        """Pass the pieces of a line that is too long; return the rest."""
        while len(line) > LONGEST:
            cut = LONGEST
            while line[cut] in _CONTINUATION and cut > LONGEST - 4:
                cut -= 1
            self._pass_on(line[:cut])
            line = line[cut:]
        return line

    def _pass_on(self, line: bytes) -> None:
        text = line.decode(errors="replace")
        states = _TO_COLUMN_ONE.split(text) if "\x1b[" in text else [text]
        self._listener(next((state for state in reversed(states) if state), ""))


class LastLines:
    """Hold the last lines, limited in number and in characters; not thread-safe.

    LineSplitter are truncated to `longest` characters.
    """

    def __init__(self, lines: int, *, characters: int = 256 * 1024, longest: int = 4096) -> None:
        """Begin with no lines."""
        self._longest = longest
        self._kept: deque[str] = deque()
        self._lines = lines
        self._characters = characters
        self._size = 0

    def add(self, line: str) -> None:
        """Add a line, and drop the oldest ones beyond the limits."""
        self._kept.append(line[: self._longest])
        self._size += len(self._kept[-1])
        while len(self._kept) > self._lines or self._size > self._characters:
            self._size -= len(self._kept.popleft())

    def clear(self) -> None:
        """Drop all lines."""
        self._kept.clear()
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        """Yield the lines, the oldest first."""
        return iter(self._kept)
