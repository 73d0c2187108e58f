"""Connections: what an address may look like, and that every wait has an end."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import make_url, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from databases import MARIADB, POSTGRESQL, SQLITE, Servers
from mprelease.domain.errors import Refused
from mprelease.storage import projects, queue
from mprelease.storage.contention import is_contention
from mprelease.storage.database import Database, Writer, readable_errors
from mprelease.storage.engines import Timeouts
from mprelease.storage.tables import projects as table
from sample_rows import NOW, add_app, add_release
from servers import Server

SHORT = Timeouts(connect=2, lock=1, answer=2, idle=1)
EACH_SERVER = pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.servers) for kind in (MARIADB, POSTGRESQL)],
    indirect=True,
)
SLEEP = {MARIADB: "SELECT SLEEP(60)", POSTGRESQL: "SELECT pg_sleep(60)"}


@pytest.fixture
def database_with_short_timeouts(database_url: str) -> Iterator[Database]:
    made = Database(database_url, SHORT)
    yield made
    made.close()


@pytest.fixture
def server(kind: str, servers: Servers) -> Server:
    found = servers.address(kind)
    if not isinstance(found, Server):
        pytest.skip("only a server of our own may be stopped")
    return found


@contextmanager
def ended_within(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def a_project(db: Writer, name: str = "shop") -> int:
    return projects.add(db, name, "/srv/shop.git", "main", NOW).id


def rename(db: Writer, number: int, branch: str) -> None:
    db.connection.execute(update(table).where(table.c.id == number).values(default_branch=branch))


@pytest.mark.parametrize(
    ("url", "backend"),
    [
        ("sqlite:////srv/db/mprelease.db", "sqlite"),
        ("mysql://u:p@h/db", "mysql"),
        ("mariadb://u:p@h:3306/db?ssl_ca=/etc/ca.pem", "mysql"),
        ("mysql+pymysql://u:p@h/db", "mysql"),
        ("postgres://u:p@h/db", "postgresql"),
        ("postgresql://u:p@h:5432/db?sslmode=verify-full", "postgresql"),
    ],
)
def test_the_usual_addresses_of_each_database_are_understood(url: str, backend: str) -> None:
    assert Database(url).backend == backend


@pytest.mark.parametrize(
    "url",
    [
        "hunter2",
        "oracle://u:hunter2@h/db",
        "mysql://u:hunter2/db",  # the @host is missing: the password stands where the port does
        "mysql://u:x@hunter2@h/db",
    ],
)
def test_an_unusable_address_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(Refused) as refused:
        Database(url)
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(refused.value.problem_detail)


@EACH_SERVER
def test_a_password_that_is_refused_stays_out_of_the_words(database_url: str) -> None:
    wrong = make_url(database_url).set(password="hunter2").render_as_string(hide_password=False)
    database = Database(wrong)
    with pytest.raises(Refused) as refused, readable_errors(), database.reading():
        pass
    assert "hunter2" not in repr(refused.value.problem_detail)
    assert "hunter2" not in repr(refused.value.__cause__)


@EACH_SERVER
def test_an_unknown_parameter_in_the_address_is_refused_by_its_name(database_url: str) -> None:
    database = Database(f"{database_url}?no_such_thing=1")
    with pytest.raises(Refused) as refused, readable_errors(), database.reading():
        pass
    assert "no_such_thing" in str(refused.value.problem_detail.parameters)


def test_a_new_reader_sees_what_was_committed_a_moment_ago(database: Database) -> None:
    with database.reading() as db:
        assert projects.every(db) == []
    with database.writing() as db:
        a_project(db)
    with database.reading() as db:
        assert [project.name for project in projects.every(db)] == ["shop"]


@EACH_SERVER
def test_a_transaction_sees_what_others_commit_meanwhile(database: Database) -> None:
    with database.writing() as db:
        assert projects.every(db) == []
        with database.writing() as other:
            a_project(other)
        assert len(projects.every(db)) == 1


def test_an_error_undoes_the_whole_transaction(database: Database) -> None:
    def fail() -> None:
        with database.writing() as db:
            a_project(db)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.reading() as db:
        assert projects.every(db) == []


def test_the_errors_of_statements_do_not_repeat_their_values(database: Database) -> None:
    with database.writing() as db:
        a_project(db, "hunter2")
    with pytest.raises(IntegrityError) as error, database.writing() as db:
        a_project(db, "hunter2")
    assert "parameters: " not in str(error.value)


def test_a_second_row_of_the_same_name_is_no_contention(database: Database) -> None:
    with database.writing() as db:
        a_project(db)
    with pytest.raises(IntegrityError) as error, database.writing() as db:
        a_project(db)
    assert not is_contention(error.value)


def test_waiting_for_a_lock_ends_as_contention(
    database: Database, database_with_short_timeouts: Database
) -> None:
    with database.writing() as db:
        number = a_project(db)
    with database.writing() as holder:
        rename(holder, number, "held")
        with (
            ended_within(8),
            pytest.raises(OperationalError) as error,
            database_with_short_timeouts.writing() as db,
        ):
            rename(db, number, "late")
    assert is_contention(error.value)


def test_a_claim_that_must_wait_too_long_is_given_up(
    database: Database, database_with_short_timeouts: Database
) -> None:
    with database.writing() as db:
        release = add_release(db, add_app(db))
    with database.writing() as holder:
        assert queue.request_cancel(holder, release)
        with ended_within(8):
            assert queue.claim(database_with_short_timeouts, release, "worker", "mine") is None


@EACH_SERVER
def test_of_two_transactions_in_a_deadlock_one_is_told_so(database: Database) -> None:
    with database.writing() as db:
        first, second = a_project(db, "first"), a_project(db, "second")
    both_hold = threading.Barrier(2)
    errors: list[DBAPIError] = []

    def cross(here: int, there: int) -> None:
        try:
            with database.writing() as db:
                rename(db, here, "mine")
                both_hold.wait(10)
                rename(db, there, "mine, too")
        except DBAPIError as error:
            errors.append(error)

    run_both(lambda: cross(first, second), lambda: cross(second, first))
    assert [is_contention(error) for error in errors] == [True]


def run_both(*actions: Callable[[], None]) -> None:
    threads = [threading.Thread(target=action) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


@EACH_SERVER
def test_a_statement_that_takes_too_long_is_ended(
    kind: str, database_with_short_timeouts: Database
) -> None:
    with ended_within(8), pytest.raises(DBAPIError), database_with_short_timeouts.writing() as db:
        db.connection.execute(text(SLEEP[kind]))
    assert can_be_read(database_with_short_timeouts)


@EACH_SERVER
def test_a_node_that_hangs_in_a_transaction_does_not_hold_up_the_others(
    database: Database, database_with_short_timeouts: Database
) -> None:
    with database.writing() as db:
        number = a_project(db)

    def hang() -> None:
        with database_with_short_timeouts.writing() as hanging:
            rename(hanging, number, "never seen")
            with database.writing() as db:  # waits until the server has ended the other one
                rename(db, number, "seen")
            rename(hanging, number, "never seen, either")

    with pytest.raises(DBAPIError):
        hang()
    with database.reading() as db:
        assert db.connection.scalar(select(table.c.default_branch)) == "seen"


@EACH_SERVER
def test_a_server_that_falls_silent_is_given_up_and_found_again(
    server: Server, database_with_short_timeouts: Database
) -> None:
    def talk() -> None:
        with database_with_short_timeouts.writing() as db:
            a_project(db)
            with paused(server):
                a_project(db, "second")

    with ended_within(12), pytest.raises(DBAPIError):
        talk()
    assert can_be_read(database_with_short_timeouts)


@contextmanager
def paused(server: Server) -> Iterator[None]:
    server.pause()
    try:
        yield
    finally:
        server.resume()


@EACH_SERVER
def test_connections_of_a_server_that_has_died_are_replaced(
    server: Server, database: Database
) -> None:
    with database.writing() as db:
        a_project(db)
    server.restart()
    assert can_be_read(database)
    with database.reading() as db:
        assert len(projects.every(db)) == 1


def can_be_read(database: Database) -> bool:
    with database.reading() as db:
        return db.connection.scalar(text("SELECT 1")) == 1


def test_every_kind_is_what_its_name_says(kind: str, database: Database) -> None:
    backends = {SQLITE: "sqlite", MARIADB: "mysql", POSTGRESQL: "postgresql"}
    assert database.backend == backends[kind]
    words = "sqlite_version()" if kind == SQLITE else "version()"
    with database.reading() as db:
        version = str(db.connection.scalar(text(f"SELECT {words}")))
    assert ("MariaDB" in version, "PostgreSQL" in version) == (kind == MARIADB, kind == POSTGRESQL)
