"""Where a queued release stands, and what it waits for; on every database."""

from mprelease.domain.releases import QueuePlace, WaitReason
from mprelease.storage import queue, queue_places, workers
from mprelease.storage.database import Database
from mprelease.storage.tables import releases as table
from sample_rows import add_app, add_release


def places(database: Database, *numbers: int) -> dict[int, QueuePlace]:
    with database.reading() as db:
        return dict(queue_places.places(db, set(numbers)))


def test_positions_count_within_a_label_and_say_what_must_end_before(database: Database) -> None:
    with database.writing() as db:
        app = add_app(db)
        workers.register(db, "worker", ["default"], 2, "1")
        first, second, third = (add_release(db, app) for _ in range(3))
        free = add_release(db, app, robot=2)
        elsewhere = add_release(db, app, robot=3)
        db.connection.execute(table.update().where(table.c.id == elsewhere).values(label="linux"))
    found = places(database, first, second, third, free, elsewhere)
    shown = [(one.position, one.reason, one.release) for one in found.values()]
    assert shown == [
        (1, WaitReason.SLOT, None),
        (2, WaitReason.RELEASE, first),
        (3, WaitReason.RELEASE, second),
        (4, WaitReason.SLOT, None),
        (1, WaitReason.WORKER, None),
    ]
    assert queue.claim(database, first, "worker", "token")
    found = places(database, first, second, third)
    assert [(one.position, one.release) for one in found.values()] == [(1, first), (2, first)]


def test_a_full_disk_of_all_workers_is_what_a_release_waits_for(database: Database) -> None:
    with database.writing() as db:
        app = add_app(db)
        waits = add_release(db, app)
        workers.register(db, "worker", ["default"], 2, "1")
        workers.heartbeat(db, "worker", low_disk=True)
    place = places(database, waits)[waits]
    assert (place.reason, place.workers) == (WaitReason.DISK, "worker")


def test_releases_that_are_not_queued_have_no_place(database: Database) -> None:
    with database.writing() as db:
        app = add_app(db)
        runs = add_release(db, app)
    assert queue.claim(database, runs, "worker", "token")
    assert places(database, runs, 99) == {}
    assert places(database) == {}
