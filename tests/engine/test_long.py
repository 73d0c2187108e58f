"""Long releases, frozen workers and killed ones, as processes, with lease and heartbeat scaled."""

import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from dramatiq.brokers.redis import RedisBroker

from chaos.crew import Crew, Hand, until
from chaos.sites import Site, building
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
from yard import Yard

# Far more than it takes: a machine of CI may stand still for half a minute.
DEADLINE = 120.0
GONE_SECONDS = 5.0


@dataclass
class Scene:
    """A site with processes, and somebody at a desk."""

    site: Site
    vendor: LightVendor
    desk: Application
    handovers: list[Hand] = field(default_factory=list)

    def hand(self, name: str) -> Hand:
        """Put a worker to work."""
        hand = Hand(name, self.site, self.vendor.worker)
        self.handovers.append(hand)
        hand.start()
        return hand

    def ask(self, description: str) -> int:
        wanted = ReleaseRequest(app="shop-00", kind=Kind.UPLOAD, description=f"key=a {description}")
        return releases.request(self.desk.services, Actor("林"), wanted)

    def release(self, release_id: int) -> Release:
        with self.desk.services.database.reading() as db:
            return releases.get(db, release_id)

    def runs(self, release_id: int, stage: Stage) -> bool:
        found = self.release(release_id).stages
        return any((one.name, one.state) == (stage, StageState.RUNNING) for one in found)

    def line_written(self, release_id: int) -> list[str]:
        with self.desk.services.database.reading() as db:
            return [line.text for line in logs.after(db, release_id)]

    def soon(self, holds: Callable[[], bool], seconds: float = DEADLINE) -> None:
        """Wait for something; a worker that could not begin comes back, as under a supervisor."""
        chance, deadline = random.Random(1), time.monotonic() + seconds
        while not holds():
            for hand in self.handovers:
                hand.keep(chance)
            assert time.monotonic() < deadline, self.words()
            time.sleep(0.02)

    def words(self) -> str:
        """Return what the workers wrote, for whoever reads of a failure."""
        logs = [f"{hand.name}: {hand.log.read_text()[-4000:]}" for hand in self.handovers]
        return "\n".join(["it did not come true in time", *logs])

    def end(self) -> None:
        for hand in self.handovers:
            hand.end()
        self.desk.close()


def staged(shape: str, folder: Path) -> Iterator[Scene]:
    with LightVendor(folder / "ledger") as vendor, building(shape, folder, vendor) as site:
        scene = Scene(site, vendor, site.application())
        yield scene
        scene.end()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Scene]:
    yield from staged("sqlite", tmp_path)


@pytest.fixture
def grown(tmp_path: Path) -> Iterator[Scene]:
    for kind in ("mariadb", "redis"):
        if lacking(kind):
            lack(f"{kind}: {REMEDIES[kind]}")
    yield from staged("mariadb", tmp_path)


@pytest.mark.servers
@pytest.mark.parametrize("kind", ["mariadb"])
def test_a_release_longer_than_lease_and_heartbeat_runs_once_to_its_end(
    yard: Yard, redis_url: str
) -> None:
    lease, heartbeat, length = 1000, 500, 6.0
    workers = [yard.worker(name, lease=lease) for name in ("one", "two")]
    calls = [Dispatch(redis_url) for _ in workers]
    for call, worker in zip(calls, workers, strict=True):
        # Dramatiq's own are a minute, and now and then; it has no list of limits and retries.
        assert isinstance(call._broker, RedisBroker)
        call._broker.heartbeat_timeout = heartbeat
        call._broker.maintenance_chance = 1_000_000
        assert call._broker.middleware == []
        call.listen(("default",), worker.on_wakeup)
    release_id = yard.ask(f"build={length}")
    rung_until = time.monotonic() + length
    while time.monotonic() < rung_until:
        calls[0].wake("default")
        time.sleep(0.05)
        assert yard.release(release_id).attempt <= 1
    ended = yard.becomes(release_id, State.SUCCEEDED)
    for call in calls:
        call.close()
    assert ended.attempt == 1
    assert yard.ledger.uploads() == [release_id]


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.parametrize(
    ("description", "stage"), [("build=3", Stage.BUILD), ("pack=3", Stage.PUBLISH)]
)
def test_a_machine_frozen_for_longer_than_its_lease_uploads_nothing_afterwards(
    grown: Scene, description: str, stage: Stage
) -> None:
    first = grown.hand("first")
    release_id = grown.ask(description)
    grown.soon(lambda: grown.runs(release_id, stage))
    first.send(signal.SIGSTOP, to_all=True)
    grown.hand("second")
    grown.soon(lambda: grown.release(release_id).state is State.SUCCEEDED)
    assert grown.release(release_id).attempt == 2
    first.send(signal.SIGCONT, to_all=True)
    grown.soon(lambda: f"the lease of release {release_id} was lost" in first.log.read_text())
    grown.soon(lambda: len(first.family()) == 1)
    assert [entry.key for entry in grown.vendor.entries] == ["a"]


@pytest.mark.slow
@pytest.mark.servers
def test_a_machine_frozen_between_go_and_sending_is_unknown_until_it_comes_back_and_tells(
    grown: Scene,
) -> None:
    first = grown.hand("first")
    release_id = grown.ask("send=3")
    grown.soon(lambda: "going" in grown.line_written(release_id))
    first.send(signal.SIGSTOP, to_all=True)
    grown.hand("second")
    grown.soon(lambda: grown.release(release_id).state is State.UNKNOWN)
    assert grown.vendor.entries == []
    first.send(signal.SIGCONT, to_all=True)
    grown.soon(lambda: grown.release(release_id).state is State.SUCCEEDED)
    assert [entry.key for entry in grown.vendor.entries] == ["a"]


@pytest.mark.slow
@pytest.mark.parametrize("stage", list(Stage))
def test_a_worker_killed_in_any_stage_leaves_nobody_after_five_seconds(
    alone: Scene, stage: Stage
) -> None:
    hand = alone.hand("worker")
    release_id = alone.ask("send=60" if stage is Stage.PUBLISH else f"{stage}=60")
    alone.soon(lambda: alone.runs(release_id, stage) and len(hand.family()) >= 3)
    crew = Crew([hand], [], random.Random(1))
    crew.kill(hand)
    assert len(crew.doomed) >= 2
    assert until(lambda: crew.survivors() == 0, GONE_SECONDS)
