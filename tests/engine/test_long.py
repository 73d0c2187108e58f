"""Long releases, frozen workers and killed ones, as processes, with lease and heartbeat scaled."""

import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from dramatiq.brokers.redis import RedisBroker

from chaos.deployments import Deployment, deployed
from chaos.processes import ManagedProcess, ProcessGroup, until
from chaos.vendor import LightVendor
from mprelease.application import Application
from mprelease.domain.releases import Kind, Release, Stage, StageState, State
from mprelease.domain.users import Actor
from mprelease.engine.dispatch import Dispatch
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import releases
from mprelease.storage import logs
from needs import lack
from servers import REMEDIES, lacking
from worker_pool import WorkerPool

# Far more than it takes: a machine of CI may stand still for half a minute.
DEADLINE = 120.0
GONE_SECONDS = 5.0


@dataclass
class Cluster:
    """A deployment, its worker processes, and an application that makes requests."""

    deployment: Deployment
    vendor: LightVendor
    application: Application
    workers: list[ManagedProcess] = field(default_factory=list)

    def start_worker(self, name: str) -> ManagedProcess:
        """Start a worker."""
        process = ManagedProcess(name, self.deployment, self.vendor.worker)
        self.workers.append(process)
        process.start()
        return process

    def request(self, description: str) -> int:
        wanted = ReleaseRequest(app="shop-00", kind=Kind.UPLOAD, description=f"key=a {description}")
        return releases.request(self.application.services, Actor("林"), wanted)

    def release(self, release_id: int) -> Release:
        with self.application.services.database.reading() as db:
            return releases.get(db, release_id)

    def runs(self, release_id: int, stage: Stage) -> bool:
        found = self.release(release_id).stages
        return any((one.name, one.state) == (stage, StageState.RUNNING) for one in found)

    def line_written(self, release_id: int) -> list[str]:
        with self.application.services.database.reading() as db:
            return [line.text for line in logs.after(db, release_id)]

    def wait_until(self, holds: Callable[[], bool], seconds: float = DEADLINE) -> None:
        """Wait for something; a worker that could not begin comes back, as under a supervisor."""
        chance, deadline = random.Random(1), time.monotonic() + seconds
        while not holds():
            for process in self.workers:
                process.keep(chance)
            assert time.monotonic() < deadline, self.words()
            time.sleep(0.02)

    def words(self) -> str:
        """Return what the workers wrote, for whoever reads of a failure."""
        logs = [f"{process.name}: {process.log.read_text()[-4000:]}" for process in self.workers]
        return "\n".join(["it did not come true in time", *logs])

    def end(self) -> None:
        for process in self.workers:
            process.end()
        self.application.close()


def staged(shape: str, folder: Path) -> Iterator[Cluster]:
    with LightVendor(folder / "ledger") as vendor, deployed(shape, folder, vendor) as deployment:
        cluster = Cluster(deployment, vendor, deployment.application())
        yield cluster
        cluster.end()


@pytest.fixture
def single_node(tmp_path: Path) -> Iterator[Cluster]:
    yield from staged("sqlite", tmp_path)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    for kind in ("mariadb", "redis"):
        if lacking(kind):
            lack(f"{kind}: {REMEDIES[kind]}")
    yield from staged("mariadb", tmp_path)


@pytest.mark.servers
@pytest.mark.parametrize("kind", ["mariadb"])
def test_a_release_longer_than_lease_and_heartbeat_runs_once_to_its_end(
    pool: WorkerPool, redis_url: str
) -> None:
    lease, heartbeat, length = 1000, 500, 6.0
    workers = [pool.worker(name, lease=lease) for name in ("one", "two")]
    calls = [Dispatch(redis_url) for _ in workers]
    for call, worker in zip(calls, workers, strict=True):
        # Dramatiq's own are a minute, and now and then; it has no list of limits and retries.
        assert isinstance(call._broker, RedisBroker)
        call._broker.heartbeat_timeout = heartbeat
        call._broker.maintenance_chance = 1_000_000
        assert call._broker.middleware == []
        call.listen(("default",), worker.on_wakeup)
    release_id = pool.request(f"build={length}")
    ends_at = time.monotonic() + length
    while time.monotonic() < ends_at:
        calls[0].wake("default")
        time.sleep(0.05)
        assert pool.release(release_id).attempt <= 1
    ended = pool.becomes(release_id, State.SUCCEEDED)
    for call in calls:
        call.close()
    assert ended.attempt == 1
    assert pool.ledger.uploads() == [release_id]


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.parametrize(
    ("description", "stage"), [("build=3", Stage.BUILD), ("pack=3", Stage.PUBLISH)]
)
def test_a_machine_frozen_for_longer_than_its_lease_uploads_nothing_afterwards(
    cluster: Cluster, description: str, stage: Stage
) -> None:
    first = cluster.start_worker("first")
    release_id = cluster.request(description)
    cluster.wait_until(lambda: cluster.runs(release_id, stage))
    first.send(signal.SIGSTOP, to_all=True)
    cluster.start_worker("second")
    cluster.wait_until(lambda: cluster.release(release_id).state is State.SUCCEEDED)
    assert cluster.release(release_id).attempt == 2
    first.send(signal.SIGCONT, to_all=True)
    cluster.wait_until(
        lambda: f"the lease of release {release_id} was lost" in first.log.read_text()
    )
    cluster.wait_until(lambda: len(first.process_tree()) == 1)
    assert [entry.key for entry in cluster.vendor.entries] == ["a"]


@pytest.mark.slow
@pytest.mark.servers
def test_a_machine_frozen_between_go_and_sending_is_unknown_until_it_comes_back_and_tells(
    cluster: Cluster,
) -> None:
    first = cluster.start_worker("first")
    release_id = cluster.request("send=3")
    cluster.wait_until(lambda: "going" in cluster.line_written(release_id))
    first.send(signal.SIGSTOP, to_all=True)
    cluster.start_worker("second")
    cluster.wait_until(lambda: cluster.release(release_id).state is State.UNKNOWN)
    assert cluster.vendor.entries == []
    first.send(signal.SIGCONT, to_all=True)
    cluster.wait_until(lambda: cluster.release(release_id).state is State.SUCCEEDED)
    assert [entry.key for entry in cluster.vendor.entries] == ["a"]


@pytest.mark.slow
@pytest.mark.parametrize("stage", list(Stage))
def test_a_worker_killed_in_any_stage_leaves_nobody_after_five_seconds(
    single_node: Cluster, stage: Stage
) -> None:
    process = single_node.start_worker("worker")
    release_id = single_node.request("send=60" if stage is Stage.PUBLISH else f"{stage}=60")
    single_node.wait_until(
        lambda: single_node.runs(release_id, stage) and len(process.process_tree()) >= 3
    )
    processes = ProcessGroup([process], [], random.Random(1))
    processes.kill(process)
    assert len(processes.expected_ended) >= 2
    assert until(lambda: processes.survivors() == 0, GONE_SECONDS)
