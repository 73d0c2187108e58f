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
        self._rest = bytearray()
        self._after_return = False

    def feed(self, chunk: bytes) -> None:
        """Take what was read; raise whatever the listener raises."""
        if self._after_return:
            chunk = chunk.removeprefix(b"\n")
        self._after_return = chunk.endswith(b"\r")
        # What lies here holds no end, and is not searched again: it may grow a byte at a time.
        *complete, rest = _ENDS.split(chunk)
        for line in complete:
            self._give(bytes(self._rest) + line)
            self._rest.clear()
        self._rest += rest
        if len(self._rest) > LONGEST:
            self._rest = bytearray(self._give_pieces(bytes(self._rest)))

    def end(self) -> None:
        """Give the last line, which nothing ended."""
        rest = bytes(self._rest)
        self._rest.clear()
        if rest:
            self._give(rest)

    def _give(self, line: bytes) -> None:
        self._listener(self._give_pieces(line).decode(errors="replace"))

    def _give_pieces(self, line: bytes) -> bytes:
        """Give all of a line that is too much for one; return what remains."""
        while len(line) > LONGEST:
            cut = LONGEST
            while line[cut] in _CONTINUATION and cut > LONGEST - 4:
                cut -= 1
            self._listener(line[:cut].decode(errors="replace"))
            line = line[cut:]
        return line
