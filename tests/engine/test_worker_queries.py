"""Worker queries: requested by a node without access, answered by a worker with access."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from databases import on_sqlite
from mprelease.domain.errors import Refused, StageFailed
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.domain.worker_queries import QueryAnswer, WorkerQuery, WorkerQueryKind
from mprelease.engine import query_pool
from mprelease.engine import worker_queries as engine_queries
from mprelease.engine.host_health import HostHealth
from mprelease.schemas.apps import AppChange
from mprelease.schemas.projects import ProjectChange
from mprelease.services import apps, projects, worker_queries
from mprelease.storage import worker_queries as stored
from mprelease.storage.clock import now_ms
from mprelease.storage.tables import worker_queries as queries_table
from repositories import commit, git, make_repository
from silent_host import SilentHost
from worker_pool import WorkerPool, wait_until

pytestmark = pytest.mark.lasting


@pytest.fixture
def repository(tmp_path: Path, pool: WorkerPool) -> Path:
    made = make_repository(tmp_path / "repository", {"app.json": "{}"})
    git(made, "tag", "v1")
    git(made, "branch", "feature/登录")
    commit(made, {"app.json": '{"pages": []}'}, "增加页面")
    change = ProjectChange(repository=str(made))
    projects.edit(pool.services, pool.who, "web", change)
    return made


@pytest.mark.usefixtures("repository")
def test_a_worker_lists_branches_tags_and_commits(pool: WorkerPool) -> None:
    pool.worker()
    limits = {"seconds": 20.0, "max_age": 0.0}
    of_refs = WorkerQuery(WorkerQueryKind.REFS, "web")
    refs = worker_queries.ask(pool.services, "default", of_refs, **limits)
    assert refs.facts == {"branches": ["feature/登录", "main"], "tags": ["v1"], "commits": {}}
    wanted = WorkerQuery(WorkerQueryKind.COMMITS, "web", {"ref": "main", "count": 5})
    commits = worker_queries.ask(pool.services, "default", wanted, **limits)
    assert commits.facts
    rows = commits.facts["commits"]
    assert isinstance(rows, list)
    assert rows[0]["subject"] == "增加页面"
    assert len(rows) == 2
    refs = worker_queries.ask(pool.services, "default", of_refs, **limits)
    assert "增加页面" in str(refs.facts)


@pytest.mark.usefixtures("repository")
def test_the_same_question_is_answered_from_memory_while_the_answer_is_young(
    pool: WorkerPool,
) -> None:
    worker = pool.worker()
    query = WorkerQuery(WorkerQueryKind.REFS, "web")
    first = worker_queries.ask(pool.services, "default", query, seconds=20, max_age=0)
    worker.close(requeue=True)
    worker.join()
    assert worker_queries.ask(pool.services, "default", query, seconds=20, max_age=60) == first


@on_sqlite
def test_a_problem_is_an_answer(pool: WorkerPool) -> None:
    pool.worker()
    query = WorkerQuery(WorkerQueryKind.REFS, "web")
    answer = worker_queries.ask(pool.services, "default", query, seconds=20, max_age=0)
    assert answer.problem_detail
    assert answer.problem_detail.problem is Problem.GIT_NOT_A_REPOSITORY


def test_without_a_worker_of_the_label_the_question_is_refused(pool: WorkerPool) -> None:
    pool.worker()
    with pytest.raises(Refused) as refused:
        worker_queries.ask(
            pool.services, "intranet", WorkerQuery(WorkerQueryKind.ADDRESS), seconds=1, max_age=0
        )
    assert refused.value.problem_detail.problem is Problem.NO_WORKER


def test_a_query_is_claimed_once_and_again_when_its_worker_died(pool: WorkerPool) -> None:
    labels = ("default",)
    database = pool.services.database
    with database.writing() as db:
        stored.add(db, "default", WorkerQuery(WorkerQueryKind.ADDRESS))
    first = stored.claim(database, labels, -1)
    second = stored.claim(database, labels, 60_000)
    assert first
    assert second
    assert stored.claim(database, labels, 60_000) is None
    with database.writing() as db:
        assert not stored.answer(db, first, QueryAnswer({"late": True}))
        assert stored.answer(db, second, QueryAnswer({"address": "192.0.2.1"}))
        assert stored.answered(db, second.id) == QueryAnswer({"address": "192.0.2.1"})


@on_sqlite
def test_the_address_needs_a_page_that_tells_it(pool: WorkerPool) -> None:
    pool.worker()
    answer = worker_queries.ask(
        pool.services, "default", WorkerQuery(WorkerQueryKind.ADDRESS), seconds=20, max_age=0
    )
    assert answer.problem_detail
    assert answer.problem_detail.problem is Problem.ADDRESS_PAGE_MISSING


@on_sqlite
def test_an_app_without_a_credential_is_refused(pool: WorkerPool) -> None:
    pool.worker()
    bare = AppChange(name="bare", platform_app_id="wx00000000000000ff")
    apps.add(pool.services, pool.who, "web", Platform.WECHAT, bare)
    check = WorkerQuery(WorkerQueryKind.CHECK, "bare")
    answer = worker_queries.ask(pool.services, "default", check, seconds=20, max_age=0)
    assert answer.problem_detail
    assert answer.problem_detail.problem is Problem.KEY_SHAPE


@on_sqlite
@pytest.mark.usefixtures("repository")
def test_a_ref_is_checked_by_the_caller_and_by_the_worker(pool: WorkerPool) -> None:
    pool.worker()
    query = WorkerQuery(WorkerQueryKind.COMMITS, "web", {"ref": "--help", "count": 5})
    with pytest.raises(Refused) as refused:
        worker_queries.ask(pool.services, "default", query, seconds=20, max_age=0)
    assert refused.value.problem_detail.problem is Problem.REF_SHAPE
    with pool.services.database.writing() as db:
        number = stored.add(db, "default", query)
    pool.services.wake("default")

    def answer() -> QueryAnswer | None:
        with pool.services.database.reading() as db:
            return stored.answered(db, number)

    wait_until(lambda: answer() is not None)
    given = answer()
    assert given
    assert given.problem_detail
    assert given.problem_detail.problem is Problem.REF_SHAPE


@pytest.fixture
def silent(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> Iterator[SilentHost]:
    """A project `silent` at a silent host, which gets few seconds."""
    monkeypatch.setattr(engine_queries, "_HOST_SECONDS", 3.0)
    host = SilentHost()
    projects.add(
        pool.services,
        pool.who,
        ProjectChange(name="silent", repository=host.url, default_branch="main"),
    )
    yield host
    host.close()


COMMITS = {"ref": "main", "count": 5}
TO_SILENT = (
    WorkerQuery(WorkerQueryKind.REFS, "silent"),
    WorkerQuery(WorkerQueryKind.COMMITS, "silent", COMMITS),
)


@on_sqlite
@pytest.mark.usefixtures("repository")
def test_a_silent_host_is_named_and_holds_up_no_other_project(
    pool: WorkerPool, silent: SilentHost
) -> None:
    """Issue 12, number 3."""
    pool.worker(slots=1)
    with ThreadPoolExecutor(8) as threads:
        future = [
            threads.submit(worker_queries.ask, pool.services, "default", one, seconds=25, max_age=0)
            for one in TO_SILENT * 4
        ]
        wait_until(lambda: silent.connections >= 1)
        began = time.monotonic()
        other = WorkerQuery(WorkerQueryKind.COMMITS, "web", COMMITS)
        answer = worker_queries.ask(pool.services, "default", other, seconds=25, max_age=0)
        assert answer.facts
        assert time.monotonic() - began < 10
        troubles = [one.result().problem_detail for one in future]
    for problem_detail in troubles:
        assert problem_detail
        assert problem_detail.problem is Problem.GIT_HOST_SILENT
        assert problem_detail.parameters == {"host": "127.0.0.1", "seconds": 3}
    # Whoever asked when that was known did not wait, nor did the host hear of it.
    assert silent.connections <= 3


@pytest.mark.usefixtures("repository")
def test_a_question_that_somebody_waits_for_is_asked_once(
    pool: WorkerPool, silent: SilentHost
) -> None:
    pool.worker()
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(
            worker_queries.ask, pool.services, "default", TO_SILENT[0], seconds=25, max_age=30
        )
        wait_until(lambda: silent.connections == 1)
        others = [
            threads.submit(
                worker_queries.ask, pool.services, "default", TO_SILENT[0], seconds=25, max_age=30
            )
            for _ in range(2)
        ]
        assert len({str(one.result()) for one in (first, *others)}) == 1
    assert silent.connections == 1
    with pool.services.database.reading() as db:
        assert db.connection.scalar(select(func.count()).select_from(queries_table)) == 1


def test_a_host_that_was_silent_is_asked_again_after_a_while() -> None:
    now = [100.0]
    hosts = HostHealth(10, lambda: now[0])
    hosts.refuse_silent("git.example.com")
    assert not hosts.has_answered("git.example.com")
    hosts.record_silence("git.example.com")
    with pytest.raises(StageFailed):
        hosts.refuse_silent("git.example.com")
    hosts.refuse_silent("other.example.com")
    now[0] += 16
    hosts.refuse_silent("git.example.com")
    hosts.record_answer("git.example.com")
    assert hosts.has_answered("git.example.com")
    now[0] += 61
    assert not hosts.has_answered("git.example.com")


def test_a_query_of_an_unknown_kind_is_left_alone_and_others_are_answered(pool: WorkerPool) -> None:
    """Issue 12, number 2."""
    with pool.services.database.writing() as db:
        db.connection.execute(
            insert(queries_table).values(
                label="default",
                kind="weather",
                subject="",
                arguments={},
                asked_at=now_ms(),
                attempt=0,
            )
        )
    pool.worker()
    query = WorkerQuery(WorkerQueryKind.ADDRESS)
    assert worker_queries.ask(pool.services, "default", query, seconds=20, max_age=0).problem_detail


@on_sqlite
def test_an_answer_that_cannot_be_stored_is_reported_as_an_internal_error(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_queries.QueryHandler, "_address", lambda _: {object()})
    pool.worker()
    query = WorkerQuery(WorkerQueryKind.ADDRESS)
    problem_detail = worker_queries.ask(
        pool.services, "default", query, seconds=20, max_age=0
    ).problem_detail
    assert problem_detail
    assert problem_detail.problem == "internal"


def test_a_worker_that_ends_stops_git_and_requeues_its_queries(
    pool: WorkerPool,
    silent: SilentHost,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(engine_queries, "_HOST_SECONDS", 60.0)
    monkeypatch.setattr(query_pool, "_LAST_SECONDS", 0.2)
    worker = pool.worker()
    with ThreadPoolExecutor() as threads:
        future = threads.submit(
            worker_queries.ask, pool.services, "default", TO_SILENT[0], seconds=25, max_age=0
        )
        wait_until(lambda: silent.connections == 1)
        began = time.monotonic()
        worker.close(requeue=True)
        worker.join()
        assert time.monotonic() - began < 4
        assert "the worker ends, queries requeued: 1" in caplog.text
        silent.close()
        pool.worker("two")
        problem_detail = future.result().problem_detail
    # What the other worker has met.
    assert problem_detail
    assert problem_detail.problem is Problem.GIT_HOST_UNREACHABLE


@on_sqlite
def test_a_platform_that_keeps_silent_does_not_delay_the_end_of_a_worker(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_asked, may_answer = threading.Event(), threading.Event()

    def address(_: object) -> str:
        if is_asked.is_set():
            return "192.0.2.2"
        is_asked.set()
        may_answer.wait(20)
        raise StageFailed(Problem.ADDRESS_UNKNOWN, url="", detail="")

    monkeypatch.setattr(engine_queries.QueryHandler, "_address", address)
    monkeypatch.setattr(query_pool, "_LAST_SECONDS", 0.1)
    monkeypatch.setattr(query_pool, "_STOP_SECONDS", 0.1)
    worker = pool.worker()
    query = WorkerQuery(WorkerQueryKind.ADDRESS)
    with ThreadPoolExecutor() as threads:
        future = threads.submit(
            worker_queries.ask, pool.services, "default", query, seconds=25, max_age=0
        )
        assert is_asked.wait(20)
        began = time.monotonic()
        worker.close(requeue=True)
        worker.join()
        assert time.monotonic() - began < 4
        pool.worker("two")
        assert future.result().facts == {"address": "192.0.2.2"}
        may_answer.set()


def test_an_answer_that_is_on_its_way_is_still_given_by_a_worker_that_ends(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_asked = threading.Event()

    def address(_: object) -> str:
        is_asked.set()
        time.sleep(0.3)
        return "192.0.2.1"

    monkeypatch.setattr(engine_queries.QueryHandler, "_address", address)
    worker = pool.worker()
    query = WorkerQuery(WorkerQueryKind.ADDRESS)
    with ThreadPoolExecutor() as threads:
        future = threads.submit(
            worker_queries.ask, pool.services, "default", query, seconds=25, max_age=0
        )
        assert is_asked.wait(20)
        worker.close(requeue=True)
        worker.join()
        assert future.result().facts == {"address": "192.0.2.1"}
