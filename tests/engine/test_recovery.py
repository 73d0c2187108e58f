"""What becomes of releases when workers and databases go away."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import make_url, select
from sqlalchemy.exc import OperationalError

from light_pipeline import a_worker, light
from mprelease.domain.releases import Kind, State
from mprelease.engine.worker import WorkerConfig, reconcile
from mprelease.storage import queue, recovery, tables
from mprelease.storage.database import Database, Reader
from mprelease.storage.engines import Timeouts
from mprelease.storage.queue import Lease
from yard import Yard, wait_until

pytestmark = pytest.mark.lasting


def dead(yard: Yard, release_id: int) -> Lease:
    """Claim as a worker that dies at once."""
    lease = queue.claim(yard.services.database, release_id, "dead", f"token-{release_id}")
    assert lease
    return lease


def sending(yard: Yard, release_id: int) -> Lease:
    """Claim as a worker that dies behind the fence."""
    lease = dead(yard, release_id)
    with yard.services.database.writing() as db:
        assert queue.pass_fence(db, lease)
    return lease


def expire(yard: Yard) -> None:
    """Let the leases of the dead worker be over."""
    with yard.services.database.writing() as db:
        recovery.expire(db, "dead")


def decided(yard: Yard) -> list[tuple[int, State]]:
    """Let the leases of the dead worker be over, and decide."""
    expire(yard)
    return recovery.reconcile(yard.services.database)


def test_the_next_worker_does_what_a_dead_one_has_left_and_says_so(yard: Yard) -> None:
    release_id = yard.ask()
    dead(yard, release_id)
    expire(yard)
    yard.worker()
    release = yard.becomes(release_id, State.SUCCEEDED)
    assert release.attempt == 2
    assert [warning.id for warning in release.warnings] == ["warning.worker_died"]
    assert yard.ledger.uploads() == [release_id]


def test_the_owner_of_the_data_folder_does_not_wait_for_its_own_old_lease(yard: Yard) -> None:
    release_id = yard.ask()
    queue.claim(yard.services.database, release_id, "one", "earlier", 600_000)
    yard.worker("one")
    assert yard.becomes(release_id, State.SUCCEEDED).attempt == 2


def test_a_living_worker_s_lease_is_nobody_else_s_business(yard: Yard) -> None:
    release_id = yard.ask()
    queue.claim(yard.services.database, release_id, "two", "living", 600_000)
    yard.worker("one")
    reconcile(yard.services.database)
    assert yard.release(release_id).state is State.RUNNING


def test_a_dead_upload_behind_its_fence_is_unknown_and_nothing_overtakes_it(yard: Yard) -> None:
    release_id = yard.ask()
    sending(yard, release_id)
    waiting = yard.ask()
    decided(yard)
    yard.worker()
    other = yard.ask(app="shop-2")
    yard.becomes(other, State.SUCCEEDED)
    assert yard.release(release_id).state is State.UNKNOWN
    assert yard.release(waiting).state is State.QUEUED


def test_a_worker_that_was_only_away_comes_back_and_tells_the_end(yard: Yard) -> None:
    release_id = yard.ask()
    lease = sending(yard, release_id)
    decided(yard)
    with yard.services.database.writing() as db:
        assert not queue.renew(db, lease)
        assert queue.reclaim(db, lease)
        assert queue.end(db, lease, State.SUCCEEDED)
    release = yard.release(release_id)
    assert (release.state, release.error) == (State.SUCCEEDED, None)


def test_a_person_s_word_goes_before_a_worker_that_comes_back(yard: Yard) -> None:
    release_id = yard.ask()
    lease = sending(yard, release_id)
    decided(yard)
    with yard.services.database.writing() as db:
        assert queue.resolve(db, release_id, published=False)
        assert not queue.reclaim(db, lease)
    assert yard.release(release_id).state is State.FAILED


def test_a_dead_preview_is_made_again(yard: Yard) -> None:
    release_id = yard.ask(kind=Kind.PREVIEW)
    dead(yard, release_id)
    decided(yard)
    assert yard.release(release_id).state is State.QUEUED


def test_several_nodes_that_decide_at_once_decide_once(yard: Yard) -> None:
    release_id = yard.ask()
    dead(yard, release_id)
    assert decided(yard) == [(release_id, State.QUEUED)]
    assert recovery.reconcile(yard.services.database) == []


@pytest.mark.parametrize("step", ["build=2", "after=2"])
@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_database_that_cannot_be_written_for_a_while_costs_nothing(
    yard: Yard, step: str, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    impatient = Database(database_url, Timeouts(lock=1))
    yard.services = replace(yard.services, database=impatient)
    release_id = yard.ask(step)
    yard.worker(lease=30_000)
    wait_until(lambda: yard.release(release_id).commit is not None)
    # Somebody else's transaction holds the file for longer than anybody waits for it.
    other = sqlite3.connect(make_url(database_url).database or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    wait_until(lambda: "waits for the database" in caplog.text)
    wait_until(lambda: "the database is unreachable" in caplog.text)
    other.close()
    yard.becomes(release_id, State.SUCCEEDED)
    assert yard.ledger.uploads() == [release_id]


class Restarting(Database):
    """A database that is away at the first look, as when it restarts at that moment."""

    looks = 0

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        self.looks += 1
        if self.looks == 1:
            raise OperationalError("SELECT", {}, ConnectionResetError("it restarts"))
        with super().reading() as db:
            yield db


def test_a_database_that_restarts_right_after_the_claim_fails_no_release(
    yard: Yard, database_url: str
) -> None:
    release_id = yard.ask()
    lease = queue.claim(yard.services.database, release_id, "one", "token", 3000)
    assert lease
    restarting, post = Restarting(database_url), WorkerConfig("one", ("default",), 1, 0)
    services = replace(yard.services, database=restarting)
    (slot,) = a_worker(services, yard.folder / "one", light(yard.ledger), post)._slots
    slot.run(lease)
    restarting.close()
    yard.worker("other")
    assert yard.becomes(release_id, State.SUCCEEDED).attempt == 2
    assert yard.ledger.uploads() == [release_id]


def overtaken(yard: Yard, release_id: int) -> None:
    """Put a running release back behind its worker's back, as after a long freeze."""
    with yard.services.database.writing() as db:
        row = db.connection.execute(select(tables.releases).filter_by(id=release_id)).one()
        assert queue.requeue(db, Lease(release_id, row.attempt, row.lease_token))


def test_a_worker_that_ends_after_it_was_overtaken_hands_nothing_back_and_sees_no_bug(
    yard: Yard, caplog: pytest.LogCaptureFixture
) -> None:
    release_id = yard.ask("build=60")
    worker = yard.worker("one", slots=1)
    wait_until(lambda: yard.release(release_id).commit is not None)
    overtaken(yard, release_id)
    worker.close(requeue=True)
    worker.join()
    assert yard.release(release_id).state is State.QUEUED
    assert "Traceback" not in caplog.text


def test_the_fence_is_undone_only_by_its_own_lease(yard: Yard) -> None:
    release_id = yard.ask()
    lease = dead(yard, release_id)
    with yard.services.database.writing() as db:
        assert queue.pass_fence(db, lease)
        assert queue.has_passed_fence(db, lease)
        stranger = Lease(release_id, 1, "stranger")
        assert not queue.reopen_fence(db, stranger)
        assert not queue.has_passed_fence(db, stranger)
        assert queue.reopen_fence(db, lease)
        assert queue.pass_fence(db, lease)


def test_a_worker_of_another_label_leaves_it_alone(yard: Yard) -> None:
    release_id = yard.ask()
    post = WorkerConfig("intranet", ("intranet",), 1, 0)
    worker = a_worker(yard.services, yard.folder / "intranet", light(yard.ledger), post)
    yard.workers.append(worker)
    worker.start()
    worker.on_wakeup()
    worker.close(requeue=True)
    worker.join()
    assert yard.release(release_id).state is State.QUEUED
