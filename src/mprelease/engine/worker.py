"""A worker: its slots claim releases after each wake-up call and at every tick."""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mprelease import __version__
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import State
from mprelease.engine.claims import claim_next, queued_platforms
from mprelease.engine.query_pool import QueryPool
from mprelease.engine.slot import Slot, WorkerDependencies
from mprelease.engine.upkeep import Upkeep
from mprelease.engine.wakeup import Wakeup
from mprelease.engine.worker_queries import QueryHandler
from mprelease.log_context import about_release
from mprelease.process import memory
from mprelease.storage import recovery, workers
from mprelease.storage.database import Database
from mprelease.storage.outage import OUTAGE
from mprelease.storage.queue import LEASE_MS
from mprelease.supervision import LoopSupervisor

_log = logging.getLogger(__name__)
TICK_SECONDS = 2.0
# After so long a release uses its share of the memory; until then the share counts as reserved.
_RESERVED_SECONDS = 60.0
# Loading a vendor's tool takes a core for two seconds: a build beside it goes first, for so long.
_LATEST_REFILL_SECONDS = 15.0


@dataclass(frozen=True)
class WorkerConfig:
    """Name, labels and capacity of a worker.

    `release_memory` in MiB: a further release starts only if so much is free. `lease` in ms.
    `tick_file` is touched at each tick: `mprelease healthcheck --worker` looks at its age.
    """

    name: str
    labels: tuple[str, ...]
    slots: int
    release_memory: int
    lease: int = LEASE_MS
    tick_file: Path | None = None


class Worker:
    """Run the releases and answer the worker queries of some labels; one thread per slot."""

    def __init__(
        self,
        dependencies: WorkerDependencies,
        config: WorkerConfig,
        query_handler: QueryHandler,
        loops: LoopSupervisor | None = None,
        upkeep: Upkeep | None = None,
    ) -> None:
        """Take the dependencies, the configuration, and the handler of worker queries.

        Without `upkeep` nothing is cleaned, and any disk has room for a release.
        """
        self._upkeep = upkeep
        self._loops = loops or LoopSupervisor()
        self._database = dependencies.services.database
        self._standby = dependencies.machine.standby
        self._sandbox = dependencies.machine.sandbox
        self._config = config
        self._slots = [Slot(dependencies, number + 1) for number in range(config.slots)]
        self._wakeup = Wakeup()
        self._standby_use = Wakeup()
        self._refill_at: float | None = None
        self._query_pool = QueryPool(query_handler, config.labels, self._wakeup.notify, self._loops)
        self._claim_lock = threading.Lock()
        self._closing = threading.Event()
        self._over = threading.Event()
        self._drained = False
        self._has_database = True
        self._threads: list[threading.Thread] = []
        self._ticker: threading.Thread | None = None

    def recover(self) -> None:
        """Recover the releases of an earlier process; only for the owner of the data folder."""
        with self._database.writing() as db:
            recovery.expire(db, self._config.name)
        reconcile(self._database)

    def start(self) -> None:
        """Register the worker in the database and start its threads."""
        with self._database.writing() as db:
            config = self._config
            workers.register(
                db,
                config.name,
                config.labels,
                config.slots,
                __version__,
                sandbox=self._sandbox.mode,
                sandbox_reason=self._sandbox.why_not_bwrap,
            )
        start = self._loops.thread
        self._threads = [
            *(start("slot", partial(self._work, slot), self._closing) for slot in self._slots),
            start("worker queries", self._answer, self._closing),
            start("standby", self._refill_standby, self._closing),
        ]
        if self._upkeep:
            self._upkeep.on_room = self._wakeup.notify
            turn = partial(self._upkeep.turn, self._closing)
            self._threads.append(start("cleanup", turn, self._closing))
        self._ticker = start("worker tick", self._tick, self._over)

    def on_wakeup(self) -> bool:
        """Look for work and cancellations now; return whether a slot is free."""
        self._wakeup.notify()
        for slot in self._slots:
            slot.look()
        return not self._drained and any(slot.busy_since is None for slot in self._slots)

    def close(self, *, requeue: bool) -> None:
        """Claim no more; running releases finish, or with `requeue` return to the queue.

        Returns at once; `join` waits for the end.
        """
        self._closing.set()
        self._standby.enable(0)
        # A claim in progress could claim again a release that a slot has requeued.
        with self._claim_lock:
            pass
        if requeue:
            for slot in self._slots:
                slot.requeue()
        self._wakeup.notify()
        self._standby_use.notify()
        if self._upkeep:
            self._upkeep.request()

    def join(self) -> None:
        """Wait until all threads have ended, and remove the worker from the database."""
        for thread in self._threads:
            thread.join()
        self._query_pool.close()
        self._standby.close()
        self._over.set()
        if self._ticker:
            self._ticker.join()
        try:
            with self._database.writing() as db:
                workers.unregister(db, self._config.name)
        except OUTAGE as outage:
            _log.warning("the worker could not be removed from the database: %s", outage)

    def _work(self, slot: Slot) -> None:
        seen = self._wakeup.count
        if not self._run_one(slot) and not self._closing.is_set():
            self._wakeup.wait(seen)

    def _run_one(self, slot: Slot) -> bool:
        try:
            # The slots of one worker must not compete for the same rows.
            with self._claim_lock:
                if self._drained or self._closing.is_set() or not self._has_memory():
                    return False
                if self._upkeep and not self._upkeep.has_room():
                    return False
                config = self._config
                lease = claim_next(self._database, config.name, config.labels, config.lease)
                if lease is None:
                    return False
                slot.reserve()
            self._standby_changed()
        except OUTAGE as outage:
            self._database_is_lost(outage)
            return False
        try:
            slot.run(lease)
        except Exception:  # a bug: the lease expires, and the release is recovered
            with about_release(lease.release_id):
                _log.error("release %s was abandoned after an internal error", lease.release_id)
            raise
        finally:
            self._standby_changed()
        return True

    def _refill_standby(self) -> None:
        """Start processes of the vendors' tools: for queued releases now, else beside no build."""
        seen = self._standby_use.count
        queued = self._queued_platforms()
        due = self._refill_at
        left = due - time.monotonic() if due is not None else 0.0
        if left > 0 and not queued and any(slot.busy_since is not None for slot in self._slots):
            self._standby_use.wait(seen, left)
            return
        self._refill_at = None
        self._standby.refill_used(queued)
        if not self._closing.is_set():
            self._standby_use.wait(seen)

    def _standby_changed(self) -> None:
        if self._refill_at is None:
            self._refill_at = time.monotonic() + _LATEST_REFILL_SECONDS
        self._standby_use.notify()

    def _queued_platforms(self) -> Mapping[Platform, int]:
        try:
            with self._database.reading() as db:
                return queued_platforms(db, self._config.labels)
        except OUTAGE as outage:
            self._database_is_lost(outage)
            return {}

    def _has_memory(self) -> bool:
        """Return whether memory is free for a further release; the first one always starts."""
        starts = [slot.busy_since for slot in self._slots if slot.busy_since is not None]
        recent = [start for start in starts if time.monotonic() - start < _RESERVED_SECONDS]
        needed = self._config.release_memory * (1 + len(recent))
        return not starts or memory.available() >= needed

    def _answer(self) -> None:
        seen = self._wakeup.count
        try:
            has_started = self._query_pool.start_one()
        except OUTAGE as outage:
            self._database_is_lost(outage)
            has_started = False
        if not has_started and not self._closing.is_set():
            self._wakeup.wait(seen)

    def _tick(self) -> None:
        if self._over.wait(TICK_SECONDS):
            return
        # Slots also look for work if the heartbeat or the recovery has failed.
        has_work = True
        try:
            has_work = self._beat()
            has_work |= reconcile(self._database)
        except OUTAGE as outage:
            self._database_is_lost(outage)
        else:
            self._database_is_back()
        finally:
            if has_work:
                self._wakeup.notify()
            if self._config.tick_file:
                self._config.tick_file.touch()

    def _beat(self) -> bool:
        """Record that this worker is alive; return whether anything waits for a worker."""
        low_disk = self._upkeep is not None and not self._upkeep.has_room()
        with self._database.writing() as db:
            name, failures = self._config.name, self._loops.failures.total
            orders = workers.heartbeat(db, name, failures, low_disk=low_disk)
        if orders.cleanup and self._upkeep:
            self._upkeep.request()
        drained = orders.draining
        if drained is not self._drained:
            change = "claims no more releases" if drained else "claims releases again"
            _log.info("worker %s %s", self._config.name, change)
        self._drained = drained
        return orders.has_work

    def _database_is_lost(self, outage: Exception) -> None:
        if self._has_database:
            _log.error("the database is unreachable, work resumes when it is back: %s", outage)
        self._has_database = False

    def _database_is_back(self) -> None:
        if not self._has_database:
            _log.info("the database is reachable again")
        self._has_database = True


def reconcile(database: Database) -> bool:
    """Recover the releases of dead workers, and log the state of each; return if there were any."""
    recovered = recovery.reconcile(database)
    for release_id, state in recovered:
        level = logging.ERROR if state is State.UNKNOWN else logging.WARNING
        with about_release(release_id):
            _log.log(level, "the worker of release %s died: the release is %s", release_id, state)
    return bool(recovered)
