"""The output of a process that has no listener yet."""

import threading

from mprelease.process.line_splitter import LastLines
from mprelease.process.tree import LineCallback

_KEPT_LINES = 1000


class LineBuffer:
    """Keep the last lines until a listener is set, which gets them and all later ones.

    Thread-safe. A listener that was replaced is not running any more when the call returns.
    """

    def __init__(self, meanwhile: LineCallback = lambda _line: None) -> None:
        """Call `meanwhile` with each line until there is a listener."""
        self._lock = threading.Lock()
        self._kept = LastLines(_KEPT_LINES)
        self._meanwhile = meanwhile
        self._listener: LineCallback | None = None

    def add(self, line: str) -> None:
        """Hand a line on, or keep it."""
        with self._lock:
            if self._listener is None:
                self._kept.add(line)
            (self._listener or self._meanwhile)(line)

    def forward_to(self, listener: LineCallback) -> None:
        """Hand the kept lines to a listener, in this thread, and later ones as they come."""
        with self._lock:
            for line in self._kept:
                listener(line)
            self._kept.clear()
            self._listener = listener

    def drop(self) -> None:
        """Keep no more lines, and hand none on."""
        self.forward_to(lambda _line: None)
