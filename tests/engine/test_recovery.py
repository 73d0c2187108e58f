"""What becomes of releases when workers and databases go away."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import make_url, select
from sqlalchemy.exc import OperationalError

from light_pipeline import light, make_worker
from mprelease.domain.releases import Kind, State
from mprelease.engine.worker import WorkerConfig, reconcile
from mprelease.storage import queue, recovery, tables
from mprelease.storage.database import Database, Reader
from mprelease.storage.engines import Timeouts
from mprelease.storage.queue import Lease
from worker_pool import WorkerPool, wait_until

pytestmark = pytest.mark.lasting


def dead(pool: WorkerPool, release_id: int) -> Lease:
    """Claim as a worker that dies at once."""
    lease = queue.claim(pool.services.database, release_id, "dead", f"token-{release_id}")
    assert lease
    return lease


def sending(pool: WorkerPool, release_id: int) -> Lease:
    """Claim as a worker that dies behind the fence."""
    lease = dead(pool, release_id)
    with pool.services.database.writing() as db:
        assert queue.pass_fence(db, lease)
    return lease


def expire(pool: WorkerPool) -> None:
    """Let the leases of the dead worker be over."""
    with pool.services.database.writing() as db:
        recovery.expire(db, "dead")


def decided(pool: WorkerPool) -> list[tuple[int, State]]:
    """Let the leases of the dead worker be over, and decide."""
    expire(pool)
    return recovery.reconcile(pool.services.database)


def test_the_next_worker_does_what_a_dead_one_has_left_and_says_so(pool: WorkerPool) -> None:
    release_id = pool.request()
    dead(pool, release_id)
    expire(pool)
    pool.worker()
    release = pool.becomes(release_id, State.SUCCEEDED)
    assert release.attempt == 2
    assert [warning.id for warning in release.warnings] == ["warning.worker_died"]
    assert pool.ledger.uploads() == [release_id]


def test_the_owner_of_the_data_folder_does_not_wait_for_its_own_old_lease(pool: WorkerPool) -> None:
    release_id = pool.request()
    queue.claim(pool.services.database, release_id, "one", "earlier", 600_000)
    pool.worker("one")
    assert pool.becomes(release_id, State.SUCCEEDED).attempt == 2


def test_a_living_worker_s_lease_is_nobody_else_s_business(pool: WorkerPool) -> None:
    release_id = pool.request()
    queue.claim(pool.services.database, release_id, "two", "living", 600_000)
    pool.worker("one")
    reconcile(pool.services.database)
    assert pool.release(release_id).state is State.RUNNING


def test_a_dead_upload_behind_its_fence_is_unknown_and_nothing_overtakes_it(
    pool: WorkerPool,
) -> None:
    release_id = pool.request()
    sending(pool, release_id)
    waiting = pool.request()
    decided(pool)
    pool.worker()
    other = pool.request(app="shop-2")
    pool.becomes(other, State.SUCCEEDED)
    assert pool.release(release_id).state is State.UNKNOWN
    assert pool.release(waiting).state is State.QUEUED


def test_a_worker_that_was_only_away_comes_back_and_tells_the_end(pool: WorkerPool) -> None:
    release_id = pool.request()
    lease = sending(pool, release_id)
    decided(pool)
    with pool.services.database.writing() as db:
        assert not queue.renew(db, lease)
        assert queue.reclaim(db, lease)
        assert queue.end(db, lease, State.SUCCEEDED)
    release = pool.release(release_id)
    assert (release.state, release.error) == (State.SUCCEEDED, None)


def test_a_person_s_word_goes_before_a_worker_that_comes_back(pool: WorkerPool) -> None:
    release_id = pool.request()
    lease = sending(pool, release_id)
    decided(pool)
    with pool.services.database.writing() as db:
        assert queue.resolve(db, release_id, published=False)
        assert not queue.reclaim(db, lease)
    assert pool.release(release_id).state is State.FAILED


def test_a_dead_preview_is_made_again(pool: WorkerPool) -> None:
    release_id = pool.request(kind=Kind.PREVIEW)
    dead(pool, release_id)
    decided(pool)
    assert pool.release(release_id).state is State.QUEUED


def test_several_nodes_that_decide_at_once_decide_once(pool: WorkerPool) -> None:
    release_id = pool.request()
    dead(pool, release_id)
    assert decided(pool) == [(release_id, State.QUEUED)]
    assert recovery.reconcile(pool.services.database) == []


@pytest.mark.parametrize("step", ["build=2", "after=2"])
@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_database_that_cannot_be_written_for_a_while_costs_nothing(
    pool: WorkerPool, step: str, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(database_url, Timeouts(lock=1))
    pool.services = replace(pool.services, database=database)
    release_id = pool.request(step)
    pool.worker(lease=30_000)
    wait_until(lambda: pool.release(release_id).commit is not None)
    # Somebody else's transaction holds the file for longer than anybody waits for it.
    other = sqlite3.connect(make_url(database_url).database or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    wait_until(lambda: "waits for the database" in caplog.text)
    wait_until(lambda: "the database is unreachable" in caplog.text)
    other.close()
    pool.becomes(release_id, State.SUCCEEDED)
    assert pool.ledger.uploads() == [release_id]


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
    pool: WorkerPool, database_url: str
) -> None:
    release_id = pool.request()
    lease = queue.claim(pool.services.database, release_id, "one", "token", 3000)
    assert lease
    restarting, config = Restarting(database_url), WorkerConfig("one", ("default",), 1, 0)
    services = replace(pool.services, database=restarting)
    (slot,) = make_worker(services, pool.folder / "one", light(pool.ledger), config)._slots
    slot.run(lease)
    restarting.close()
    pool.worker("other")
    assert pool.becomes(release_id, State.SUCCEEDED).attempt == 2
    assert pool.ledger.uploads() == [release_id]


def overtaken(pool: WorkerPool, release_id: int) -> None:
    """Put a running release back behind its worker's back, as after a long freeze."""
    with pool.services.database.writing() as db:
        row = db.connection.execute(select(tables.releases).filter_by(id=release_id)).one()
        assert queue.requeue(db, Lease(release_id, row.attempt, row.lease_token))


def test_a_worker_that_ends_after_it_was_overtaken_hands_nothing_back_and_sees_no_bug(
    pool: WorkerPool, caplog: pytest.LogCaptureFixture
) -> None:
    release_id = pool.request("build=60")
    worker = pool.worker("one", slots=1)
    wait_until(lambda: pool.release(release_id).commit is not None)
    overtaken(pool, release_id)
    worker.close(requeue=True)
    worker.join()
    assert pool.release(release_id).state is State.QUEUED
    assert "Traceback" not in caplog.text


def test_the_fence_is_undone_only_by_its_own_lease(pool: WorkerPool) -> None:
    release_id = pool.request()
    lease = dead(pool, release_id)
    with pool.services.database.writing() as db:
        assert queue.pass_fence(db, lease)
        assert queue.has_passed_fence(db, lease)
        stranger = Lease(release_id, 1, "stranger")
        assert not queue.reopen_fence(db, stranger)
        assert not queue.has_passed_fence(db, stranger)
        assert queue.reopen_fence(db, lease)
        assert queue.pass_fence(db, lease)


def test_a_worker_of_another_label_leaves_it_alone(pool: WorkerPool) -> None:
    release_id = pool.request()
    config = WorkerConfig("intranet", ("intranet",), 1, 0)
    worker = make_worker(pool.services, pool.folder / "intranet", light(pool.ledger), config)
    pool.workers.append(worker)
    worker.start()
    worker.on_wakeup()
    worker.close(requeue=True)
    worker.join()
    assert pool.release(release_id).state is State.QUEUED
