"""A worker at work: slots, order, cancel, hand back."""

import threading
import time
from collections.abc import Sequence
from itertools import count, pairwise

import pytest

from light_pipeline import light, make_worker
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, StageState, State
from mprelease.domain.sandbox import SandboxMode
from mprelease.engine import claims
from mprelease.engine import worker as worker_module
from mprelease.engine.worker import WorkerConfig
from mprelease.services import releases
from mprelease.storage import logs, workers
from mprelease.storage.database import Database
from mprelease.storage.queue import Lease
from worker_pool import WorkerPool, wait_until

pytestmark = pytest.mark.lasting


def test_a_queued_release_is_run_to_its_end_with_its_log(pool: WorkerPool) -> None:
    release_id = pool.request()
    pool.worker()
    release = pool.becomes(release_id, State.SUCCEEDED)
    assert {stage.state for stage in release.stages} == {StageState.SUCCEEDED}
    assert pool.ledger.uploads() == [release_id]
    with pool.services.database.reading() as db:
        texts = [line.text for line in logs.after(db, release_id)]
    assert texts == [*(f"{stage.name} of {release_id}" for stage in release.stages), "sending"]


def test_a_worker_that_is_woken_takes_what_comes_later(pool: WorkerPool) -> None:
    worker = pool.worker()
    release_id = pool.request()
    assert worker.on_wakeup()
    pool.becomes(release_id, State.SUCCEEDED)


def test_without_any_wakeup_the_tick_finds_the_work(pool: WorkerPool) -> None:
    pool.worker()
    pool.becomes(pool.request(), State.SUCCEEDED)


def test_twelve_releases_of_three_apps_in_four_slots_all_end_in_order(pool: WorkerPool) -> None:
    requested = [pool.request("build=0.05", app=f"shop-{1 + n % 3}") for n in range(12)]
    pool.worker(slots=4)
    ended = [pool.becomes(release_id, State.SUCCEEDED) for release_id in requested]
    assert sorted(pool.ledger.uploads()) == requested
    for number in (1, 2, 3):
        line = [release for release in ended if release.app_name == f"shop-{number}"]
        for earlier, later in pairwise(line):
            assert earlier.ended_at is not None
            assert later.started_at is not None
            assert earlier.ended_at <= later.started_at


def test_a_failed_stage_fails_the_release_and_the_worker_goes_on(pool: WorkerPool) -> None:
    broken, fine = pool.request("fail=build"), pool.request(app="shop-2")
    pool.worker(slots=1)
    assert pool.becomes(broken, State.FAILED).error
    pool.becomes(fine, State.SUCCEEDED)


def test_a_running_release_is_canceled(pool: WorkerPool) -> None:
    release_id = pool.request("build=60")
    pool.worker()
    wait_until(lambda: pool.release(release_id).commit is not None)
    releases.cancel(pool.services, pool.who, release_id)
    pool.becomes(release_id, State.CANCELED)
    assert pool.ledger.uploads() == []


def test_behind_the_fence_a_cancel_is_too_late_and_the_upload_succeeds(pool: WorkerPool) -> None:
    release_id = pool.request("after=1.4")
    pool.worker()
    wait_until(lambda: pool.is_sending(release_id))
    with pytest.raises(Refused):
        releases.cancel(pool.services, pool.who, release_id)
    pool.becomes(release_id, State.SUCCEEDED)


def test_a_worker_that_ends_hands_back_what_it_runs_and_another_does_it(pool: WorkerPool) -> None:
    release_id = pool.request("build=60")
    first = pool.worker("first")
    wait_until(lambda: pool.release(release_id).commit is not None)
    first.close(requeue=True)
    first.join()
    handed_back = pool.release(release_id)
    assert handed_back.state is State.QUEUED
    assert {stage.state for stage in handed_back.stages} == {StageState.PENDING}
    second = pool.worker("second")
    wait_until(lambda: pool.release(release_id).attempt == 2)
    releases.cancel(pool.services, pool.who, release_id)
    pool.becomes(release_id, State.CANCELED)
    second.close(requeue=False)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_claim_on_its_way_does_not_take_again_what_its_worker_hands_back(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, let, real = threading.Event(), threading.Event(), claims.claim_next
    numbers = count()

    def slow(database: Database, name: str, labels: Sequence[str], ttl: int) -> Lease | None:
        if next(numbers):
            begun.set()
            assert let.wait(10)
        return real(database, name, labels, ttl)

    monkeypatch.setattr(worker_module, "claim_next", slow)
    release_id = pool.request("build=60")
    first = pool.worker("first")
    assert begun.wait(10)
    closing = threading.Thread(target=first.close, kwargs={"requeue": True})
    closing.start()
    # Whoever does not wait for the claim hands back meanwhile.
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline and pool.release(release_id).state is not State.QUEUED:
        time.sleep(0.02)
    let.set()
    closing.join()
    first.join()
    handed_back = pool.release(release_id)
    assert (handed_back.state, handed_back.attempt) == (State.QUEUED, 1)


def test_a_worker_that_ends_otherwise_finishes_what_it_runs_and_takes_nothing_new(
    pool: WorkerPool,
) -> None:
    running = pool.request("build=1")
    worker = pool.worker(slots=1)
    pool.becomes(running, State.RUNNING)
    waiting = pool.request(app="shop-2")
    worker.close(requeue=False)
    worker.join()
    assert pool.release(running).state is State.SUCCEEDED
    assert pool.release(waiting).state is State.QUEUED


def test_an_upload_behind_its_fence_is_not_handed_back_but_finished(pool: WorkerPool) -> None:
    release_id = pool.request("after=1.4")
    worker = pool.worker()
    wait_until(lambda: pool.is_sending(release_id))
    worker.close(requeue=True)
    worker.join()
    assert pool.release(release_id).state is State.SUCCEEDED
    assert pool.ledger.uploads() == [release_id]


def test_a_drained_worker_takes_nothing_until_it_is_resumed(pool: WorkerPool) -> None:
    worker = pool.worker()
    with pool.services.database.writing() as db:
        assert workers.drain(db, "one", draining=True)
    wait_until(lambda: not worker.on_wakeup())
    release_id = pool.request()
    worker.on_wakeup()
    with pool.services.database.reading() as db:
        assert workers.serving(db, "default") == []
    assert pool.release(release_id).state is State.QUEUED
    with pool.services.database.writing() as db:
        workers.drain(db, "one", draining=False)
    pool.becomes(release_id, State.SUCCEEDED)


def test_a_worker_is_seen_while_it_lives_with_what_it_runs(pool: WorkerPool) -> None:
    release_id = pool.request("build=60")
    worker = pool.worker()
    pool.becomes(release_id, State.RUNNING)
    with pool.services.database.reading() as db:
        (seen,) = workers.every(db)
    assert (seen.name, seen.is_alive, seen.runs) == ("one", True, (release_id,))
    assert (seen.sandbox, seen.sandbox_reason) == (SandboxMode.OFF, "a test")
    worker.close(requeue=True)
    worker.join()
    with pool.services.database.reading() as db:
        assert workers.every(db) == []


def test_a_newer_preview_takes_the_place_of_an_older_one_that_waits(pool: WorkerPool) -> None:
    older = pool.request(kind=Kind.PREVIEW)
    other_app = pool.request(kind=Kind.PREVIEW, app="shop-2")
    upload = pool.request()
    newer = pool.request(kind=Kind.PREVIEW)
    superseded = pool.release(older)
    assert superseded.state is State.CANCELED
    assert superseded.error
    assert superseded.error.problem is Problem.SUPERSEDED
    assert superseded.error.parameters == {"release": newer}
    assert pool.release(other_app).state is pool.release(upload).state is State.QUEUED


def test_the_time_limit_of_the_whole_release_ends_it(pool: WorkerPool) -> None:
    release_id = pool.request("build=60")
    config = WorkerConfig("short", ("default",), 1, 0)
    worker = make_worker(pool.services, pool.folder / "short", light(pool.ledger), config, limit=1)
    pool.workers.append(worker)
    worker.start()
    failed = pool.becomes(release_id, State.FAILED)
    assert failed.error
    assert failed.error.problem is Problem.RELEASE_TIME_LIMIT
