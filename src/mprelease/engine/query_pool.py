"""Answer several errands at once, so that a host that keeps silent holds up nobody else."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from mprelease.engine.worker_queries import Claimed, QueryHandler
from mprelease.supervision import LoopSupervisor

_AT_ONCE = 12
_OF_ONE_HOST = 3


class QueryPool:
    """Answer errands of some labels in threads: so many at once, fewer about the same host."""

    def __init__(
        self,
        query_handler: QueryHandler,
        labels: Sequence[str],
        on_end: Callable[[], None],
        loops: LoopSupervisor,
    ) -> None:
        """Take who answers; `on_end` is called when there is room for another errand."""
        self._errands = query_handler
        self._labels = labels
        self._on_end = on_end
        self._loops = loops
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()
        # Threads begin when they are needed.
        self._threads = ThreadPoolExecutor(_AT_ONCE, "worker-query")

    def begin_one(self) -> bool:
        """Begin with the oldest errand for which there is room; False where there is none."""
        if self._busy.total() >= _AT_ONCE:
            return False
        claimed = self._errands.claim(self._labels, self._has_room)
        if claimed is None:
            return False
        with self._lock:
            self._busy[claimed.host] += 1
        self._threads.submit(self._answer, claimed)
        return True

    def close(self) -> None:
        """Wait for the errands that have begun."""
        self._threads.shutdown()

    def _has_room(self, host: str) -> bool:
        return self._busy[host] < _OF_ONE_HOST

    def _answer(self, claimed: Claimed) -> None:
        try:
            self._errands.complete(claimed)
        except Exception as error:  # noqa: BLE001 nobody waits for this thread
            self._loops.report("worker queries", error)
        finally:
            with self._lock:
                self._busy[claimed.host] -= 1
            self._on_end()
