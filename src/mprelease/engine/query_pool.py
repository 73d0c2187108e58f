"""Answer worker queries concurrently, so that one unresponsive host delays no other query."""

import logging
import threading
from collections.abc import Callable, Sequence

from mprelease.engine.worker_queries import Claimed, QueryHandler, WorkerEnds
from mprelease.process.tree import Stop
from mprelease.supervision import LoopSupervisor

_log = logging.getLogger(__name__)
_AT_ONCE = 12
_OF_ONE_HOST = 3
# Time for running queries to finish at the end; most take less, and callers wait for 25 s.
_LAST_SECONDS = 2.0
# Time to stop: commands end within it, only an unresponsive platform takes longer.
_STOP_SECONDS = 5.0


class QueryPool:
    """Answer queries of some labels in threads: up to 12 at once, up to 3 about one host."""

    def __init__(
        self,
        query_handler: QueryHandler,
        labels: Sequence[str],
        on_end: Callable[[], None],
        loops: LoopSupervisor,
    ) -> None:
        """Take the handler; `on_end` is called when another query can be claimed."""
        self._handler = query_handler
        self._labels = labels
        self._on_end = on_end
        self._loops = loops
        self._changed = threading.Condition()
        self._running: dict[Claimed, Stop] = {}

    def start_one(self) -> bool:
        """Claim and start the oldest query within the limits; return whether there was one."""
        if len(self._running) >= _AT_ONCE:
            return False
        claimed = self._handler.claim(self._labels, self._has_room)
        if claimed is None:
            return False
        stop = Stop()
        with self._changed:
            self._running[claimed] = stop
        # A daemon thread, so that an unresponsive platform does not delay the end of the process.
        name = f"query {claimed.taken.id}"
        threading.Thread(target=self._answer, args=(claimed, stop), name=name, daemon=True).start()
        return True

    def close(self) -> None:
        """Wait a few seconds for running queries, stop the rest, and requeue what does not end.

        No query may be started meanwhile.
        """
        if self._are_over(_LAST_SECONDS):
            return
        with self._changed:
            open_, stops = len(self._running), tuple(self._running.values())
        _log.warning("the worker ends, queries requeued: %s", open_)
        for stop in stops:
            stop.ask(WorkerEnds())
        self._are_over(_STOP_SECONDS)
        with self._changed:
            unanswered = tuple(self._running)
        for claimed in unanswered:
            self._handler.requeue(claimed)

    def _are_over(self, seconds: float) -> bool:
        """Wait for up to `seconds`, and return whether every query has ended."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, seconds)

    def _has_room(self, host: str) -> bool:
        with self._changed:
            return sum(each.host == host for each in self._running) < _OF_ONE_HOST

    def _answer(self, claimed: Claimed, stop: Stop) -> None:
        try:
            self._handler.complete(claimed, stop)
        except Exception as error:  # noqa: BLE001 nothing joins this thread
            self._loops.report("worker queries", error)
        finally:
            with self._changed:
                del self._running[claimed]
                self._changed.notify_all()
            self._on_end()
