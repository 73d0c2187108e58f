"""Slow down commands whose output would take too much CPU time of the worker."""

import time

_SHARE = 0.25
_BURST = 1.0
_SHORTEST, _LONGEST = 0.01, 0.2


class Throttle:
    """Limit the CPU time of one thread to a quarter of a core, apart from bursts of one second."""

    def __init__(self) -> None:
        """Begin with a whole burst; must be called by the thread that will wait."""
        self._left = _BURST
        self._seen = time.monotonic()
        self._used = time.thread_time()

    def wait(self) -> None:
        """Sleep up to 0.2 s if this thread has used more than its share."""
        now, used = time.monotonic(), time.thread_time()
        self._left += (now - self._seen) * _SHARE - (used - self._used)
        self._left = min(_BURST, self._left)
        self._seen, self._used = now, used
        if self._left < 0:
            time.sleep(min(max(_SHORTEST, -self._left / _SHARE), _LONGEST))
