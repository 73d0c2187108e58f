"""Wake the waiting threads of one process, because there may be something to do."""

import threading


class Wakeup:
    """Count rings, so that none is missed between a look and the wait after it."""

    def __init__(self) -> None:
        """Begin unrung."""
        self._rung = threading.Condition()
        self._count = 0

    @property
    def count(self) -> int:
        """Return how often it has rung; to be read before the look."""
        return self._count

    def ring(self) -> None:
        """Let everybody who waits look again."""
        with self._rung:
            self._count += 1
            self._rung.notify_all()

    def wait(self, heard: int, seconds: float | None = None) -> None:
        """Wait until it has rung since `heard`, or for so long."""
        with self._rung:
            self._rung.wait_for(lambda: self._count != heard, seconds)
