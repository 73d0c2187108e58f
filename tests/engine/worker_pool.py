"""An installation with three apps, and its workers, whose pipeline has simulated stages."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from light_pipeline import Ledger, light, make_worker
from mprelease.domain.releases import Kind, Release, State
from mprelease.domain.users import Actor
from mprelease.engine.upkeep import Upkeep
from mprelease.engine.worker import Worker, WorkerConfig
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import releases
from mprelease.services.context import ServiceContext
from mprelease.storage import logs

DEADLINE = 20.0


@dataclass
class WorkerPool:
    """An installation with three apps, and its workers, whose pipeline has simulated stages."""

    services: ServiceContext
    folder: Path
    who: Actor
    workers: list[Worker] = field(default_factory=list)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.folder / "ledger")

    def request(self, description: str = "", kind: Kind = Kind.UPLOAD, app: str = "shop-1") -> int:
        wanted = ReleaseRequest(app=app, kind=kind, description=description)
        return releases.request(self.services, self.who, wanted)

    def release(self, release_id: int) -> Release:
        with self.services.database.reading() as db:
            return releases.get(db, release_id)

    def worker(
        self, name: str = "one", slots: int = 2, lease: int = 3000, upkeep: Upkeep | None = None
    ) -> Worker:
        """Start a worker."""
        config = WorkerConfig(name, ("default",), slots, 0, lease)
        pipeline = light(self.ledger)
        worker = make_worker(self.services, self.folder / name, pipeline, config, upkeep=upkeep)
        worker.recover()
        worker.start()
        self.workers.append(worker)
        return worker

    def becomes(self, release_id: int, state: State) -> Release:
        """Wait until a release is in this state."""
        wait_until(lambda: self.release(release_id).state is state)
        return self.release(release_id)

    def is_sending(self, release_id: int) -> bool:
        """Return whether a release has crossed its fence, by its log."""
        with self.services.database.reading() as db:
            return any(line.text == "sending" for line in logs.after(db, release_id))

    def end(self) -> None:
        for worker in self.workers:
            worker.close(requeue=True)
            worker.join()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)
