"""A worker: its slots wait for wake-up calls, and look by themselves at every tick."""

import logging
import threading
import time
from dataclasses import dataclass
from functools import partial

from mprelease import __version__
from mprelease.domain.releases import State
from mprelease.engine.claims import claim_next
from mprelease.engine.query_pool import QueryPool
from mprelease.engine.slot import Slot, WorkerDependencies
from mprelease.engine.wakeup import Wakeup
from mprelease.engine.worker_queries import QueryHandler
from mprelease.process import memory
from mprelease.storage import recovery, workers
from mprelease.storage.database import Database
from mprelease.storage.outage import OUTAGE
from mprelease.storage.queue import LEASE_MS
from mprelease.supervision import LoopSupervisor

_log = logging.getLogger(__name__)
TICK_SECONDS = 2.0
# A release has taken its share of the memory after so long; until then it is only promised.
_GROWN_SECONDS = 60.0


@dataclass(frozen=True)
class WorkerConfig:
    """What a worker is: its name, what it may run, how much at a time, and for how long.

    `release_memory` in MiB: a further release begins only where so much is free. `lease` in ms.
    """

    name: str
    labels: tuple[str, ...]
    slots: int
    release_memory: int
    lease: int = LEASE_MS


class Worker:
    """Run the releases and answer the queries of some labels, with one thread for each slot."""

    def __init__(
        self,
        dependencies: WorkerDependencies,
        config: WorkerConfig,
        query_handler: QueryHandler,
        loops: LoopSupervisor | None = None,
    ) -> None:
        """Take the dependencies, the configuration, and what answers worker queries."""
        self._loops = loops or LoopSupervisor()
        self._database = dependencies.services.database
        self._standby = dependencies.machine.standby
        self._sandbox = dependencies.machine.sandbox.mode
        self._config = config
        self._slots = [Slot(dependencies, number + 1) for number in range(config.slots)]
        self._wakeup = Wakeup()
        self._query_pool = QueryPool(query_handler, config.labels, self._wakeup.ring, self._loops)
        self._one_claims = threading.Lock()
        self._closing = threading.Event()
        self._over = threading.Event()
        self._drained = False
        self._has_database = True
        self._threads: list[threading.Thread] = []
        self._ticker: threading.Thread | None = None

    def recover(self) -> None:
        """Decide about the releases of an earlier life; only for the owner of the data folder."""
        with self._database.writing() as db:
            recovery.expire(db, self._config.name)
        reconcile(self._database)

    def start(self) -> None:
        """Begin to work."""
        with self._database.writing() as db:
            config = self._config
            workers.begin(
                db, config.name, config.labels, config.slots, __version__, sandbox=self._sandbox
            )
        start = self._loops.thread
        self._threads = [
            *(start("slot", partial(self._work, slot), self._closing) for slot in self._slots),
            start("worker queries", self._answer, self._closing),
        ]
        self._ticker = start("worker tick", self._tick, self._over)

    def hear(self) -> bool:
        """Look for work now; tell whether a slot is free for it."""
        self._wakeup.ring()
        return not self._drained and any(slot.busy_since is None for slot in self._slots)

    def close(self, *, requeue: bool) -> None:
        """Take no more; running releases finish, or are handed back. `join` waits for that."""
        self._closing.set()
        # A claim that is on its way would take again what a slot hands back.
        with self._one_claims:
            pass
        if requeue:
            for slot in self._slots:
                slot.requeue()
        self._wakeup.ring()

    def join(self) -> None:
        """Wait until everything has ended, and remove the worker from the database."""
        for thread in self._threads:
            thread.join()
        self._query_pool.close()
        self._standby.close()
        self._over.set()
        if self._ticker:
            self._ticker.join()
        try:
            with self._database.writing() as db:
                workers.end(db, self._config.name)
        except OUTAGE as outage:
            _log.warning("the worker could not be removed from the database: %s", outage)

    def _work(self, slot: Slot) -> None:
        heard = self._wakeup.count
        if not self._run_one(slot) and not self._closing.is_set():
            self._wakeup.wait(heard)

    def _run_one(self, slot: Slot) -> bool:
        try:
            # One at a time: the slots of a worker need not race each other.
            with self._one_claims:
                if self._drained or self._closing.is_set() or not self._has_memory():
                    return False
                config = self._config
                lease = claim_next(self._database, config.name, config.labels, config.lease)
                if lease is None:
                    return False
                slot.take()
        except OUTAGE as outage:
            self._lost(outage)
            return False
        try:
            slot.run(lease)
        except Exception:  # a bug: the lease expires, and others decide
            _log.error("release %s was left without an end", lease.release_id)
            raise
        finally:
            # Nobody waits for this: the release has ended.
            self._standby.refill_taken()
        return True

    def _has_memory(self) -> bool:
        """Tell whether a further release would find its share; a first one always begins."""
        begins = [slot.busy_since for slot in self._slots if slot.busy_since is not None]
        young = [begun for begun in begins if time.monotonic() - begun < _GROWN_SECONDS]
        wanted = self._config.release_memory * (1 + len(young))
        return not begins or memory.available() >= wanted

    def _answer(self) -> None:
        heard = self._wakeup.count
        try:
            did = self._query_pool.begin_one()
        except OUTAGE as outage:
            self._lost(outage)
            did = False
        if not did and not self._closing.is_set():
            self._wakeup.wait(heard)

    def _tick(self) -> None:
        if self._over.wait(TICK_SECONDS):
            return
        try:
            self._beat()
            reconcile(self._database)
        except OUTAGE as outage:
            self._lost(outage)
        else:
            self._found()
        finally:
            # Whatever keeps this tick from its own work, the slots look again.
            self._wakeup.ring()

    def _beat(self) -> None:
        with self._database.writing() as db:
            drained = workers.beat(db, self._config.name, self._loops.failures.total)
        if drained is not self._drained:
            _log.info(
                "worker %s takes %s releases", self._config.name, "no" if drained else "again"
            )
        self._drained = drained

    def _lost(self, outage: Exception) -> None:
        if self._has_database:
            _log.error("the database is away, work goes on when it is back: %s", outage)
        self._has_database = False

    def _found(self) -> None:
        if not self._has_database:
            _log.info("the database is back")
        self._has_database = True


def reconcile(database: Database) -> None:
    """Decide about the releases of dead workers, and say what became of them."""
    for release_id, state in recovery.reconcile(database):
        told = _log.error if state is State.UNKNOWN else _log.warning
        told("the worker of release %s died: the release is %s", release_id, state)
