"""Wake the waiting threads of one process when there may be work."""

import threading


class Wakeup:
    """A counting condition: no notification is lost between looking for work and waiting."""

    def __init__(self) -> None:
        """Begin with a count of 0."""
        self._condition = threading.Condition()
        self._count = 0

    @property
    def count(self) -> int:
        """Return the number of notifications; read it before looking for work."""
        return self._count

    def notify(self) -> None:
        """Wake all waiting threads."""
        with self._condition:
            self._count += 1
            self._condition.notify_all()

    def wait(self, seen: int, seconds: float | None = None) -> None:
        """Block until the count differs from `seen`, or for `seconds`."""
        with self._condition:
            self._condition.wait_for(lambda: self._count != seen, seconds)
