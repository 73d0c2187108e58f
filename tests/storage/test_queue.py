"""The row as the job: who may take it, who may write it, and when it is too late."""

import threading
from collections import Counter

import pytest

from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.domain.releases import Kind, PublishState, Stage, StageState, State
from mprelease.storage import queue, recovery, releases
from mprelease.storage.candidates import candidates
from mprelease.storage.database import Database
from mprelease.storage.queue import Lease
from sample_rows import add_app, add_release

LABELS = ("default",)


@pytest.fixture
def release(database: Database) -> int:
    with database.writing() as db:
        return add_release(db, add_app(db))


def taken(database: Database, release_id: int, token: str = "mine") -> Lease:
    lease = queue.claim(database, release_id, "worker", token)
    assert lease
    return lease


def state_of(database: Database, release_id: int) -> State:
    with database.reading() as db:
        found = releases.by_id(db, release_id)
    assert found
    return found.state


def test_a_claim_makes_the_release_running_in_its_first_attempt(
    database: Database, release: int
) -> None:
    assert taken(database, release).attempt == 1
    assert state_of(database, release) is State.RUNNING


def test_a_taken_release_cannot_be_taken_again(database: Database, release: int) -> None:
    taken(database, release)
    assert queue.claim(database, release, "other", "other") is None


def test_a_second_release_of_the_same_robot_waits(database: Database) -> None:
    with database.writing() as db:
        app = add_app(db)
        first, second = add_release(db, app), add_release(db, app)
    taken(database, first)
    with database.reading() as db:
        assert candidates(db, LABELS) == []
    assert queue.claim(database, second, "other", "other") is None


def test_a_release_of_another_robot_does_not_wait(database: Database) -> None:
    with database.writing() as db:
        app = add_app(db)
        first, second = add_release(db, app, robot=1), add_release(db, app, robot=2)
    taken(database, first)
    with database.reading() as db:
        assert candidates(db, LABELS) == [second]


def test_releases_of_other_labels_are_not_offered(database: Database, release: int) -> None:
    with database.reading() as db:
        assert candidates(db, ("intranet",)) == []
        assert candidates(db, LABELS) == [release]


def test_twelve_competing_threads_hold_no_release_and_no_robot_twice(database: Database) -> None:
    with database.writing() as db:
        app = add_app(db)
        wanted = [add_release(db, app, robot=robot) for robot in (1, 1, 1, 2, 2, 3, 4)]
    held: Counter[int] = Counter()
    lock, go = threading.Lock(), threading.Barrier(12)

    def compete(name: str) -> None:
        go.wait()
        for release_id in wanted:
            if queue.claim(database, release_id, name, name):
                with lock:
                    held[release_id] += 1

    threads = [threading.Thread(target=compete, args=(f"t{n}",)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(held.values()) == 1
    assert len(held) == 4


def test_only_the_holder_of_the_lease_writes(database: Database, release: int) -> None:
    mine = taken(database, release)
    theirs = Lease(mine.release_id, mine.attempt, "theirs")
    with database.writing() as db:
        assert queue.renew(db, mine)
        assert not queue.renew(db, theirs)
        assert not queue.end(db, theirs, State.SUCCEEDED)
        assert queue.end(db, mine, State.SUCCEEDED)
        assert not queue.renew(db, mine)


def test_the_fence_is_passed_once(database: Database, release: int) -> None:
    lease = taken(database, release)
    with database.writing() as db:
        assert queue.pass_fence(db, lease)
        assert not queue.pass_fence(db, lease)


def test_a_canceled_release_does_not_pass_the_fence(database: Database, release: int) -> None:
    lease = taken(database, release)
    with database.writing() as db:
        assert queue.request_cancel(db, release) is State.RUNNING
        assert queue.cancel_is_requested(db, lease)
        assert not queue.pass_fence(db, lease)


def test_after_the_fence_a_cancel_is_too_late(database: Database, release: int) -> None:
    lease = taken(database, release)
    with database.writing() as db:
        assert queue.pass_fence(db, lease)
        assert queue.request_cancel(db, release) is None


def test_a_queued_release_is_canceled_at_once(database: Database, release: int) -> None:
    with database.writing() as db:
        assert queue.request_cancel(db, release) is State.QUEUED
    assert state_of(database, release) is State.CANCELED
    assert queue.claim(database, release, "worker", "late") is None


def test_an_ended_release_cannot_be_canceled(database: Database, release: int) -> None:
    lease = taken(database, release)
    with database.writing() as db:
        queue.end(db, lease, State.FAILED, ProblemDetail(Problem.BUILD_FAILED, {"code": 1}))
        assert queue.request_cancel(db, release) is None


def recovered(database: Database) -> None:
    with database.writing() as db:
        recovery.expire(db, "worker")
    recovery.reconcile(database)


def test_a_lost_release_before_its_fence_is_queued_again_with_fresh_stages(
    database: Database, release: int
) -> None:
    lease = taken(database, release)
    with database.writing() as db:
        queue.start_stage(db, lease, Stage.CHECKOUT, 1)
        queue.end_stage(db, lease, Stage.CHECKOUT, StageState.SUCCEEDED, 2)
    recovered(database)
    assert state_of(database, release) is State.QUEUED
    with database.reading() as db:
        found = releases.by_id(db, release)
    assert found
    assert {stage.state for stage in found.stages} == {StageState.PENDING}
    assert taken(database, release, "again").attempt == 2


def test_a_lost_upload_behind_its_fence_is_unknown_and_holds_its_robot(
    database: Database, release: int
) -> None:
    lease = taken(database, release)
    with database.writing() as db:
        queue.pass_fence(db, lease)
        waiting = add_release(db, add_app(db, "other"))
    recovered(database)
    assert state_of(database, release) is State.UNKNOWN
    assert queue.claim(database, waiting, "worker", "overtake") is None


def test_a_lost_upload_that_was_published_has_succeeded(database: Database, release: int) -> None:
    lease = taken(database, release)
    with database.writing() as db:
        queue.pass_fence(db, lease)
        queue.write(db, lease, publish_state=PublishState.DONE)
    recovered(database)
    assert state_of(database, release) is State.SUCCEEDED


def test_a_lost_release_that_somebody_canceled_is_canceled(
    database: Database, release: int
) -> None:
    taken(database, release)
    with database.writing() as db:
        queue.request_cancel(db, release)
    recovered(database)
    assert state_of(database, release) is State.CANCELED


def test_a_lost_preview_is_harmless_and_queued_again(database: Database) -> None:
    with database.writing() as db:
        release = add_release(db, add_app(db), Kind.PREVIEW)
    taken(database, release)
    recovered(database)
    assert state_of(database, release) is State.QUEUED


def test_a_person_ends_an_unknown_release_and_frees_its_robot(
    database: Database, release: int
) -> None:
    lease = taken(database, release)
    with database.writing() as db:
        queue.pass_fence(db, lease)
    recovered(database)
    with database.writing() as db:
        assert queue.resolve(db, release, published=True)
        assert not queue.resolve(db, release, published=False)
        waiting = add_release(db, add_app(db, "other"))
    assert state_of(database, release) is State.SUCCEEDED
    assert taken(database, waiting)


def test_a_release_that_takes_its_worker_down_each_time_fails_in_the_end(
    database: Database, release: int
) -> None:
    for attempt in range(3):
        assert state_of(database, release) is State.QUEUED
        taken(database, release, f"life {attempt}")
        recovered(database)
    assert state_of(database, release) is State.FAILED


def test_no_stage_runs_on_in_a_release_that_has_ended(database: Database, release: int) -> None:
    lease = taken(database, release)
    with database.writing() as db:
        queue.start_stage(db, lease, Stage.PUBLISH, 1)
        queue.pass_fence(db, lease)
    recovered(database)
    with database.reading() as db:
        found = releases.by_id(db, release)
    assert found
    assert StageState.RUNNING not in {stage.state for stage in found.stages}
