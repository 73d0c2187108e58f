"""Many at once, on every kind of database: nobody holds what somebody else holds."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import DBAPIError

from mprelease.domain.releases import State
from mprelease.storage import queue, recovery, releases
from mprelease.storage.candidates import candidates
from mprelease.storage.contention import is_contention
from mprelease.storage.database import Database
from mprelease.storage.queue import Lease
from sample_rows import add_app, add_release

THREADS = 12
LABELS = ("default",)


class Book:
    """Who holds which robot, kept apart from the database, and what went wrong."""

    def __init__(self, robots: dict[int, int]) -> None:
        self._robots = robots
        self._lock = threading.Lock()
        self._held: dict[int, str] = {}
        self.runs: Counter[int] = Counter()
        self.wrongs: list[str] = []

    def take(self, release: int, who: str) -> None:
        robot = self._robots[release]
        with self._lock:
            if robot in self._held:
                self.wrongs.append(f"{who} took robot {robot} from {self._held[robot]}")
            self._held[robot] = who
            self.runs[release] += 1

    def give_back(self, release: int) -> None:
        with self._lock:
            del self._held[self._robots[release]]


def at_once(action: Callable[[str], None]) -> None:
    """Let all threads do it, beginning together; raise what one of them raised."""
    barrier = threading.Barrier(THREADS)

    def begin(name: str) -> None:
        barrier.wait(30)
        action(name)

    with ThreadPoolExecutor(THREADS) as pool:
        for future in [pool.submit(begin, f"t{number}") for number in range(THREADS)]:
            future.result()


def queued(database: Database, robots: list[int]) -> dict[int, int]:
    with database.writing() as db:
        app = add_app(db)
        return {add_release(db, app, robot=robot): robot for robot in robots}


def until_done(database: Database, action: Callable[[queue.Writer], bool]) -> bool:
    """Write as the recorder does: again, when others were in the way."""
    while True:
        try:
            with database.writing() as db:
                return action(db)
        except DBAPIError as error:
            if not is_contention(error):
                raise


def test_no_release_and_no_robot_is_ever_held_twice(database: Database) -> None:
    robots = queued(database, [number % 7 for number in range(84)])
    book = Book(robots)

    def work(name: str) -> None:
        while waiting := _waiting(database):
            for release in waiting:
                lease = queue.claim(database, release, name, f"{name}-{release}")
                if lease:
                    book.take(release, name)
                    assert until_done(database, lambda db, mine=lease: queue.renew(db, mine))
                    assert _decisions(database) == []
                    book.give_back(release)
                    assert until_done(
                        database, lambda db, mine=lease: queue.end(db, mine, State.SUCCEEDED)
                    )

    at_once(work)
    assert book.wrongs == []
    assert book.runs == Counter(dict.fromkeys(robots, 1))


def _waiting(database: Database) -> list[int]:
    """List what can be claimed; else what is queued behind it, until nothing is."""
    with database.reading() as db:
        return candidates(db, LABELS) or [
            release.id
            for release in releases.newest(db, None, 100)
            if release.state is State.QUEUED
        ]


@pytest.mark.parametrize("round_", range(5))
def test_the_fence_is_passed_by_one_of_many_threads(database: Database, round_: int) -> None:
    (release,) = queued(database, [1])
    lease = queue.claim(database, release, "worker", "mine")
    assert lease
    passed: list[str] = []

    def pass_it(name: str) -> None:
        if until_done(database, lambda db: queue.pass_fence(db, lease)):
            passed.append(name)

    at_once(pass_it)
    assert len(passed) == 1


def test_a_cancel_and_the_fence_never_both_succeed(database: Database) -> None:
    robots = queued(database, list(range(20)))
    leases = [queue.claim(database, release, "worker", f"mine {release}") for release in robots]
    outcomes: dict[int, list[str]] = {release: [] for release in robots}

    def meet(name: str) -> None:
        for lease in leases:
            assert isinstance(lease, Lease)
            _cancel_or_pass(database, lease, outcomes[lease.release_id], name)

    at_once(meet)
    assert all(set(words) in ({"canceled"}, {"passed"}) for words in outcomes.values())
    assert all(words.count("passed") <= 1 for words in outcomes.values())


def _cancel_or_pass(database: Database, lease: Lease, words: list[str], name: str) -> None:
    if int(name[1:]) % 2:
        requested = until_done(
            database, lambda db: bool(queue.request_cancel(db, lease.release_id))
        )
        words.extend(["canceled"] * requested)
    else:
        words.extend(["passed"] * until_done(database, lambda db: queue.pass_fence(db, lease)))


def test_an_expired_release_is_decided_by_one_of_many_nodes(database: Database) -> None:
    robots = queued(database, list(range(20)))
    for release in robots:
        assert queue.claim(database, release, "dead", f"token {release}")
    with database.writing() as db:
        recovery.expire(db, "dead")
    decided: list[tuple[int, State]] = []
    at_once(lambda _: decided.extend(_decisions(database)))
    assert Counter(decided) == Counter((release, State.QUEUED) for release in robots)


def _decisions(database: Database) -> list[tuple[int, State]]:
    while True:
        try:
            return recovery.reconcile(database)
        except DBAPIError as error:
            if not is_contention(error):
                raise
