"""Cut a stream of bytes into lines while it arrives."""

import re
from collections.abc import Callable

LONGEST = 64 * 1024

# A carriage return ends a line as well: that is how progress bars draw themselves anew.
_ENDS = re.compile(rb"\r\n|\n|\r")
_CONTINUATION = range(0x80, 0xC0)


class Lines:
    """Give each line to a listener as soon as it is complete, without its end.

    Lines are decoded as UTF-8, with replacement characters where they are not. A line of more than
    64 KiB is given in pieces.
    """

    def __init__(self, listener: Callable[[str], None]) -> None:
        """Begin with nothing read."""
        self._listener = listener
        self._rest = b""
        self._after_return = False

    def feed(self, chunk: bytes) -> None:
        """Take what was read; raise whatever the listener raises."""
        if self._after_return:
            chunk = chunk.removeprefix(b"\n")
        self._after_return = chunk.endswith(b"\r")
        *complete, self._rest = _ENDS.split(self._rest + chunk)
        for line in complete:
            self._give(line)
        while len(self._rest) > LONGEST:
            self._rest = self._give_piece(self._rest)

    def end(self) -> None:
        """Give the last line, which nothing ended."""
        rest, self._rest = self._rest, b""
        if rest:
            self._give(rest)

    def _give(self, line: bytes) -> None:
        while len(line) > LONGEST:
            line = self._give_piece(line)
        self._listener(line.decode(errors="replace"))

    def _give_piece(self, line: bytes) -> bytes:
        cut = LONGEST
        while line[cut] in _CONTINUATION and cut > LONGEST - 4:
            cut -= 1
        self._listener(line[:cut].decode(errors="replace"))
        return line[cut:]
