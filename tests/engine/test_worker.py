"""A worker at work: slots, order, cancel, hand back."""

import threading
import time
from collections.abc import Sequence
from itertools import count, pairwise

import pytest

from light_pipeline import a_worker, light
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, StageState, State
from mprelease.engine import claims
from mprelease.engine import worker as worker_module
from mprelease.engine.worker import WorkerConfig
from mprelease.services import releases
from mprelease.storage import logs, workers
from mprelease.storage.database import Database
from mprelease.storage.queue import Lease
from yard import Yard, wait_until

pytestmark = pytest.mark.lasting


def test_a_queued_release_is_run_to_its_end_with_its_log(yard: Yard) -> None:
    release_id = yard.ask()
    yard.worker()
    release = yard.becomes(release_id, State.SUCCEEDED)
    assert {stage.state for stage in release.stages} == {StageState.SUCCEEDED}
    assert yard.ledger.uploads() == [release_id]
    with yard.services.database.reading() as db:
        told = [line.text for line in logs.after(db, release_id)]
    assert told == [*(f"{stage.name} of {release_id}" for stage in release.stages), "sending"]


def test_a_worker_that_is_rung_for_takes_what_comes_later(yard: Yard) -> None:
    worker = yard.worker()
    release_id = yard.ask()
    assert worker.on_wakeup()
    yard.becomes(release_id, State.SUCCEEDED)


def test_without_any_ring_the_tick_finds_the_work(yard: Yard) -> None:
    yard.worker()
    yard.becomes(yard.ask(), State.SUCCEEDED)


def test_twelve_releases_of_three_apps_in_four_slots_all_end_in_order(yard: Yard) -> None:
    asked = [yard.ask("build=0.05", app=f"shop-{1 + n % 3}") for n in range(12)]
    yard.worker(slots=4)
    ended = [yard.becomes(release_id, State.SUCCEEDED) for release_id in asked]
    assert sorted(yard.ledger.uploads()) == asked
    for number in (1, 2, 3):
        line = [release for release in ended if release.app_name == f"shop-{number}"]
        for earlier, later in pairwise(line):
            assert earlier.ended_at is not None
            assert later.started_at is not None
            assert earlier.ended_at <= later.started_at


def test_a_failed_stage_fails_the_release_and_the_worker_goes_on(yard: Yard) -> None:
    broken, fine = yard.ask("fail=build"), yard.ask(app="shop-2")
    yard.worker(slots=1)
    assert yard.becomes(broken, State.FAILED).error
    yard.becomes(fine, State.SUCCEEDED)


def test_a_running_release_is_canceled(yard: Yard) -> None:
    release_id = yard.ask("build=60")
    yard.worker()
    wait_until(lambda: yard.release(release_id).commit is not None)
    releases.cancel(yard.services, yard.who, release_id)
    yard.becomes(release_id, State.CANCELED)
    assert yard.ledger.uploads() == []


def test_behind_the_fence_a_cancel_is_too_late_and_the_upload_succeeds(yard: Yard) -> None:
    release_id = yard.ask("after=1.4")
    yard.worker()
    wait_until(lambda: yard.is_sending(release_id))
    with pytest.raises(Refused):
        releases.cancel(yard.services, yard.who, release_id)
    yard.becomes(release_id, State.SUCCEEDED)


def test_a_worker_that_ends_hands_back_what_it_runs_and_another_does_it(yard: Yard) -> None:
    release_id = yard.ask("build=60")
    first = yard.worker("first")
    wait_until(lambda: yard.release(release_id).commit is not None)
    first.close(requeue=True)
    first.join()
    handed_back = yard.release(release_id)
    assert handed_back.state is State.QUEUED
    assert {stage.state for stage in handed_back.stages} == {StageState.PENDING}
    second = yard.worker("second")
    wait_until(lambda: yard.release(release_id).attempt == 2)
    releases.cancel(yard.services, yard.who, release_id)
    yard.becomes(release_id, State.CANCELED)
    second.close(requeue=False)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_claim_on_its_way_does_not_take_again_what_its_worker_hands_back(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, let, real = threading.Event(), threading.Event(), claims.claim_next
    numbers = count()

    def slow(database: Database, name: str, labels: Sequence[str], ttl: int) -> Lease | None:
        if next(numbers):
            begun.set()
            assert let.wait(10)
        return real(database, name, labels, ttl)

    monkeypatch.setattr(worker_module, "claim_next", slow)
    release_id = yard.ask("build=60")
    first = yard.worker("first")
    assert begun.wait(10)
    closing = threading.Thread(target=first.close, kwargs={"requeue": True})
    closing.start()
    # Whoever does not wait for the claim hands back meanwhile.
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline and yard.release(release_id).state is not State.QUEUED:
        time.sleep(0.02)
    let.set()
    closing.join()
    first.join()
    handed_back = yard.release(release_id)
    assert (handed_back.state, handed_back.attempt) == (State.QUEUED, 1)


def test_a_worker_that_ends_otherwise_finishes_what_it_runs_and_takes_nothing_new(
    yard: Yard,
) -> None:
    running = yard.ask("build=1")
    worker = yard.worker(slots=1)
    yard.becomes(running, State.RUNNING)
    waiting = yard.ask(app="shop-2")
    worker.close(requeue=False)
    worker.join()
    assert yard.release(running).state is State.SUCCEEDED
    assert yard.release(waiting).state is State.QUEUED


def test_an_upload_behind_its_fence_is_not_handed_back_but_finished(yard: Yard) -> None:
    release_id = yard.ask("after=1.4")
    worker = yard.worker()
    wait_until(lambda: yard.is_sending(release_id))
    worker.close(requeue=True)
    worker.join()
    assert yard.release(release_id).state is State.SUCCEEDED
    assert yard.ledger.uploads() == [release_id]


def test_a_drained_worker_takes_nothing_until_it_is_resumed(yard: Yard) -> None:
    worker = yard.worker()
    with yard.services.database.writing() as db:
        assert workers.drain(db, "one", draining=True)
    wait_until(lambda: not worker.on_wakeup())
    release_id = yard.ask()
    worker.on_wakeup()
    with yard.services.database.reading() as db:
        assert workers.serving(db, "default") == []
    assert yard.release(release_id).state is State.QUEUED
    with yard.services.database.writing() as db:
        workers.drain(db, "one", draining=False)
    yard.becomes(release_id, State.SUCCEEDED)


def test_a_worker_is_seen_while_it_lives_with_what_it_runs(yard: Yard) -> None:
    release_id = yard.ask("build=60")
    worker = yard.worker()
    yard.becomes(release_id, State.RUNNING)
    with yard.services.database.reading() as db:
        (seen,) = workers.every(db)
    assert (seen.name, seen.is_alive, seen.runs) == ("one", True, (release_id,))
    worker.close(requeue=True)
    worker.join()
    with yard.services.database.reading() as db:
        assert workers.every(db) == []


def test_a_newer_preview_takes_the_place_of_an_older_one_that_waits(yard: Yard) -> None:
    older = yard.ask(kind=Kind.PREVIEW)
    other_app = yard.ask(kind=Kind.PREVIEW, app="shop-2")
    upload = yard.ask()
    newer = yard.ask(kind=Kind.PREVIEW)
    superseded = yard.release(older)
    assert superseded.state is State.CANCELED
    assert superseded.error
    assert superseded.error.problem is Problem.SUPERSEDED
    assert superseded.error.parameters == {"release": newer}
    assert yard.release(other_app).state is yard.release(upload).state is State.QUEUED


def test_the_time_limit_of_the_whole_release_ends_it(yard: Yard) -> None:
    release_id = yard.ask("build=60")
    post = WorkerConfig("short", ("default",), 1, 0)
    worker = a_worker(yard.services, yard.folder / "short", light(yard.ledger), post, limit=1)
    yard.workers.append(worker)
    worker.start()
    failed = yard.becomes(release_id, State.FAILED)
    assert failed.error
    assert failed.error.problem is Problem.RELEASE_TIME_LIMIT
