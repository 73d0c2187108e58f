"""Pages that wait for workers: a host that does not answer takes nothing from other projects."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from mprelease.application import Application, opened
from mprelease.cli import serve
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.users import Actor
from mprelease.domain.worker_queries import QueryAnswer, WorkerQuery, WorkerQueryKind
from mprelease.i18n import Language, Translator
from mprelease.live.hub import Hub
from mprelease.schemas.projects import ProjectChange
from mprelease.services import projects
from mprelease.services.waiting_queries import WaitingQueries
from mprelease.settings.settings import Settings
from mprelease.storage import worker_queries, workers
from mprelease.web.context import QueryClient
from mprelease.web.live_source import StoredState

SILENT, FINE = "git.silent.example", "git.fine.example"
BRANCHES: dict[str, object] = {"branches": ["main"], "tags": []}


@dataclass
class Node:
    """A web node whose worker is alive, but answers only what a test answers for it."""

    application: Application
    ask: QueryClient
    is_over: threading.Event

    def answer_one(self) -> None:
        database = self.application.services.database
        deadline = time.monotonic() + 20
        while not (taken := worker_queries.claim(database, ["default"], 1000, self._is_fine)):
            assert time.monotonic() < deadline, "nothing was asked"
            time.sleep(0.02)
        with database.writing() as db:
            worker_queries.answer(db, taken, QueryAnswer(BRANCHES))

    @staticmethod
    def _is_fine(_: int, query: WorkerQuery) -> bool:
        return query.subject == "fine"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    application = opened(Settings(data_dir=tmp_path / "data"))
    services, over = application.services, threading.Event()
    for name, host in (("silent", SILENT), ("twin", SILENT), ("fine", FINE)):
        change = ProjectChange(name=name, repository=f"https://{host}/{name}.git")
        projects.add(services, Actor("林"), change)
    with services.database.writing() as db:
        workers.register(db, "w", ["default"], 1, "1")
    pages = serve._web_app(application, Hub(StoredState(services)), over.is_set)
    yield Node(application, pages.state.context.ask, over)
    application.close()


def wait_until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not claim():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_who_waits_for_a_silent_host_takes_no_answer_from_other_projects(node: Node) -> None:
    """Issue 12, number 3: also on the web node, where each waiting query holds a thread."""
    fine = WorkerQuery(WorkerQueryKind.REFS, "fine")
    with ThreadPoolExecutor(25) as threads:
        first = threads.submit(node.ask, "default", fine, seconds=20, max_age=60)
        node.answer_one()
        assert first.result() == BRANCHES
        asked = [
            threads.submit(
                node.ask,
                "default",
                WorkerQuery(WorkerQueryKind.COMMITS, name, {"ref": "main", "count": number}),
                seconds=20,
                max_age=30,
            )
            for number in range(12)
            for name in ("silent", "twin")
        ]
        wait_until(lambda: sum(one.done() for one in asked) == 16)
        began = time.monotonic()
        assert node.ask("default", fine, seconds=20, max_age=60) == BRANCHES
        assert time.monotonic() - began < 5
        anew = threads.submit(node.ask, "default", fine, seconds=20, max_age=0)
        node.answer_one()
        assert anew.result() == BRANCHES
        node.is_over.set()
    refusals = [one.exception() for one in asked]
    details = [one.problem_detail for one in refusals if isinstance(one, Refused)]
    refused = [one for one in details if one.problem is Problem.TOO_MANY_QUERIES]
    assert len(details) == 24
    assert [one.parameters for one in refused] == [{"host": SILENT}] * 16
    for language in Language:
        words = Translator(language).of_problem(refused[0])
        assert SILENT in words
        assert "label" not in words


def fill(stack: ExitStack, waiting: WaitingQueries, host: str) -> None:
    for _ in range(25):
        stack.enter_context(waiting.counted("default", host))


def test_several_silent_hosts_leave_room_for_others() -> None:
    """Issue 12, number 3."""
    waiting = WaitingQueries(at_once=24, of_one_host=8)
    with ExitStack() as stack:
        for number in range(4):
            with pytest.raises(Refused):
                fill(stack, waiting, f"{number}.example")
        stack.enter_context(waiting.counted("default", FINE))
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(waiting.counted("default", "0.example"))
        # The same host, seen from another network, may answer.
        stack.enter_context(waiting.counted("intranet", "0.example"))
