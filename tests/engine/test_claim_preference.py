"""A new release goes to the worker that has released its app last, if that one is free."""

import pytest

from mprelease.domain.releases import State
from mprelease.storage import workers
from worker_pool import WorkerPool, wait_until

pytestmark = pytest.mark.lasting


def worker_of(pool: WorkerPool, release_id: int) -> str:
    pool.becomes(release_id, State.SUCCEEDED)
    with pool.services.database.reading() as db:
        return str(db.connection.exec_driver_sql(QUERY % release_id).scalar())


QUERY = "SELECT worker_id FROM releases WHERE id = %d"
NOTE = "UPDATE releases SET worker_id = '%s' WHERE id = %d"


def settled(pool: WorkerPool) -> None:
    """Start two workers, of which the first has released shop-1, and the second shop-2."""
    for name, app in (("first", "shop-1"), ("second", "shop-2")):
        pool.worker(name, slots=1)
        release_id = pool.request(app=app)
        pool.becomes(release_id, State.SUCCEEDED)
        with pool.services.database.writing() as db:
            db.connection.exec_driver_sql(NOTE % (name, release_id))


def test_each_worker_takes_the_apps_that_it_had_before(pool: WorkerPool) -> None:
    settled(pool)
    for _ in range(3):
        assert worker_of(pool, pool.request(app="shop-2")) == "second"
        assert worker_of(pool, pool.request(app="shop-1")) == "first"


def test_a_busy_worker_is_not_waited_for(pool: WorkerPool) -> None:
    settled(pool)
    blocker = pool.request("build=3", app="shop-1")
    wait_until(lambda: pool.release(blocker).state is State.RUNNING)
    with pool.services.database.writing() as db:
        db.connection.exec_driver_sql("UPDATE releases SET worker_id = 'first' WHERE id > 1")
    assert worker_of(pool, pool.request(app="shop-3")) == "second"


def test_a_worker_that_takes_nothing_is_not_waited_for(pool: WorkerPool) -> None:
    settled(pool)
    with pool.services.database.writing() as db:
        workers.drain(db, "second", draining=True)
    assert worker_of(pool, pool.request(app="shop-2")) == "first"


def test_a_worker_that_died_delays_a_release_by_seconds_only(pool: WorkerPool) -> None:
    settled(pool)
    pool.workers[1].close(requeue=True)
    pool.workers[1].join()
    with pool.services.database.writing() as db:
        workers.register(db, "second", ["default"], 1, "0.1")
    assert worker_of(pool, pool.request(app="shop-2")) == "first"
