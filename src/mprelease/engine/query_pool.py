"""Answer several queries at once, so that a host that keeps silent holds up nobody else."""

import logging
import threading
from collections.abc import Callable, Sequence

from mprelease.engine.worker_queries import Claimed, QueryHandler, WorkerEnds
from mprelease.process.tree import Stop
from mprelease.supervision import LoopSupervisor

_log = logging.getLogger(__name__)
_AT_ONCE = 12
_OF_ONE_HOST = 3
# Most queries are answered sooner; whoever asks waits for 25 s.
_LAST_SECONDS = 2.0
# A command is gone sooner once it is told to stop. Only a platform that keeps silent takes longer.
_STOP_SECONDS = 5.0


class QueryPool:
    """Answer queries of some labels in threads: so many at once, fewer about the same host."""

    def __init__(
        self,
        query_handler: QueryHandler,
        labels: Sequence[str],
        on_end: Callable[[], None],
        loops: LoopSupervisor,
    ) -> None:
        """Take who answers; `on_end` is called when there is room for another query."""
        self._handler = query_handler
        self._labels = labels
        self._on_end = on_end
        self._loops = loops
        self._changed = threading.Condition()
        self._begun: dict[Claimed, Stop] = {}

    def begin_one(self) -> bool:
        """Begin with the oldest query for which there is room; False where there is none."""
        if len(self._begun) >= _AT_ONCE:
            return False
        claimed = self._handler.claim(self._labels, self._has_room)
        if claimed is None:
            return False
        stop = Stop()
        with self._changed:
            self._begun[claimed] = stop
        # An answer that a platform holds back for a minute does not hold up the end of the process.
        name = f"query {claimed.taken.id}"
        threading.Thread(target=self._answer, args=(claimed, stop), name=name, daemon=True).start()
        return True

    def close(self) -> None:
        """Let queries that have begun end, within seconds; the others are for another worker.

        Nothing may begin meanwhile.
        """
        if self._are_over(_LAST_SECONDS):
            return
        with self._changed:
            open_, stops = len(self._begun), tuple(self._begun.values())
        _log.warning("the worker ends, queries requeued: %s", open_)
        for stop in stops:
            stop.ask(WorkerEnds())
        self._are_over(_STOP_SECONDS)
        with self._changed:
            silent = tuple(self._begun)
        for claimed in silent:
            self._handler.requeue(claimed)

    def _are_over(self, seconds: float) -> bool:
        """Wait for so many seconds at most, and tell whether every query has ended."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._begun, seconds)

    def _has_room(self, host: str) -> bool:
        with self._changed:
            return sum(each.host == host for each in self._begun) < _OF_ONE_HOST

    def _answer(self, claimed: Claimed, stop: Stop) -> None:
        try:
            self._handler.complete(claimed, stop)
        except Exception as error:  # noqa: BLE001 nobody waits for this thread
            self._loops.report("worker queries", error)
        finally:
            with self._changed:
                del self._begun[claimed]
                self._changed.notify_all()
            self._on_end()
