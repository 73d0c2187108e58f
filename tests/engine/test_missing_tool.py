"""The installation of a vendor's tool is a part of the release (issue 12, number 5)."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from databases import on_sqlite
from light_pipeline import light, make_worker
from mprelease.application import opened
from mprelease.domain.errors import ReleaseCanceled
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Stage, StageState, State
from mprelease.engine.tool_supply import ToolSupply
from mprelease.engine.worker import Worker, WorkerConfig
from mprelease.platforms import tools
from mprelease.platforms.registry import driver_of
from mprelease.process.tree import LineCallback, Stop
from mprelease.services import releases
from mprelease.settings.settings import Settings
from mprelease.storage import logs
from worker_pool import WorkerPool, wait_until

pytestmark = pytest.mark.lasting

NPM = """#!/bin/sh
echo "npm fetches a tool"
case "$PWD" in *miniprogram-ci*) while ! test -f {gate}; do sleep 0.05; done;; esac
test -f {gate}.bad && echo "npm error 404 Not Found" && exit 1
mkdir node_modules
echo "added 1 package"
"""


@dataclass
class NpmStub:
    """A program in place of npm, which for WeChat's tool waits for a file."""

    folder: Path
    started: list[Platform] = field(default_factory=list)

    @property
    def gate(self) -> Path:
        return self.folder / "gate"

    @property
    def npm(self) -> str:
        program = self.folder / "npm"
        program.write_text(NPM.format(gate=self.gate))
        program.chmod(0o755)
        return str(program)

    def install(self, platform: Platform, /, *, stop: Stop, on_line: LineCallback) -> None:
        self.started.append(platform)
        tools.install(
            driver_of(platform).tool,
            self.folder / "tools",
            npm=self.npm,
            environment={"PATH": "/usr/bin:/bin"},
            registry=None,
            on_line=on_line,
            stop=stop,
        )

    @property
    def supply(self) -> ToolSupply:
        folder = self.folder / "tools"
        return ToolSupply(self.install, lambda one: tools.is_installed(driver_of(one).tool, folder))


@pytest.fixture
def npm_stub(tmp_path: Path) -> NpmStub:
    folder = tmp_path / "shop"
    folder.mkdir()
    return NpmStub(folder)


StartWorker = Callable[..., Worker]


@pytest.fixture
def start_worker(pool: WorkerPool, npm_stub: NpmStub) -> StartWorker:
    def start(limit: int = 60) -> Worker:
        config = WorkerConfig("one", ("default",), 1, 0, 3000)
        pipeline = light(pool.ledger)
        worker = make_worker(
            pool.services, pool.folder / "one", pipeline, config, limit=limit, tools=npm_stub.supply
        )
        worker.recover()
        worker.start()
        pool.workers.append(worker)
        return worker

    return start


def lines(pool: WorkerPool, release_id: int) -> list[tuple[Stage, str]]:
    with pool.services.database.reading() as db:
        return [(line.stage, line.text) for line in logs.after(db, release_id)]


def installs(pool: WorkerPool, release_id: int) -> bool:
    return (Stage.CHECKOUT, "npm fetches a tool") in lines(pool, release_id)


@on_sqlite
def test_npm_is_heard_in_the_log_of_the_release_that_waits(
    pool: WorkerPool, npm_stub: NpmStub, start_worker: StartWorker
) -> None:
    release_id = pool.request()
    start_worker()
    wait_until(lambda: installs(pool, release_id))
    assert pool.release(release_id).stages[0].state is StageState.RUNNING
    npm_stub.gate.touch()
    pool.becomes(release_id, State.SUCCEEDED)
    texts = [text for _, text in lines(pool, release_id)]
    assert "is missing on this machine" in texts[0]
    assert texts[1:3] == ["npm fetches a tool", "added 1 package"]


@on_sqlite
def test_a_cancel_ends_the_installation(
    pool: WorkerPool, npm_stub: NpmStub, start_worker: StartWorker
) -> None:
    release_id = pool.request()
    start_worker()
    wait_until(lambda: installs(pool, release_id))
    releases.cancel(pool.services, pool.who, release_id)
    ended = pool.becomes(release_id, State.CANCELED)
    assert ended.stages[0].state is StageState.CANCELED
    assert list((npm_stub.folder / "tools").iterdir()) == []


@on_sqlite
def test_the_time_limit_of_the_release_ends_the_installation(
    pool: WorkerPool, start_worker: StartWorker
) -> None:
    release_id = pool.request()
    start_worker(limit=1)
    ended = pool.becomes(release_id, State.FAILED)
    assert ended.error
    assert (ended.error.problem, ended.failed_stage) == (
        Problem.RELEASE_TIME_LIMIT,
        Stage.CHECKOUT,
    )


def test_a_worker_that_hands_back_ends_the_installation(
    pool: WorkerPool, npm_stub: NpmStub, start_worker: StartWorker
) -> None:
    release_id = pool.request()
    worker = start_worker()
    wait_until(lambda: installs(pool, release_id))
    worker.close(requeue=True)
    worker.join()
    assert pool.release(release_id).state is State.QUEUED
    npm_stub.gate.touch()
    start_worker()
    pool.becomes(release_id, State.SUCCEEDED)


@on_sqlite
def test_an_installation_that_fails_says_so(
    pool: WorkerPool, npm_stub: NpmStub, start_worker: StartWorker
) -> None:
    (npm_stub.folder / "gate.bad").touch()
    npm_stub.gate.touch()
    release_id = pool.request()
    start_worker()
    ended = pool.becomes(release_id, State.FAILED)
    assert ended.error
    assert ended.error.problem is Problem.TOOL_INSTALL_FAILED
    assert "404" in str(ended.error.parameters["detail"])


@pytest.mark.parametrize("kind", ["sqlite"])
def test_no_platform_waits_for_the_tool_of_another(
    tmp_path: Path, npm_stub: NpmStub, kind: str
) -> None:
    assert kind
    application = opened(Settings(data_dir=tmp_path / "data", tools_dir=tmp_path / "tools"))
    application.__dict__["node"] = replace(application.node, npm=npm_stub.npm)
    slow, other = Stop(), Stop()
    lines: list[str] = []
    failures: list[Exception] = []

    def install(stop: Stop, on_line: LineCallback) -> None:
        try:
            application.install_missing(Platform.WECHAT, stop=stop, on_line=on_line)
        except ReleaseCanceled as canceled:
            failures.append(canceled)

    threads = [
        threading.Thread(target=install, args=(slow, lines.append)),
        threading.Thread(target=install, args=(other, print)),
    ]
    threads[0].start()
    wait_until(lambda: bool(lines))
    threads[1].start()
    application.install_missing(Platform.ALIPAY, stop=Stop(), on_line=print)
    assert application.has_tool(Platform.ALIPAY)
    # Whoever waits for the same tool hears its own stop, and the first one goes on.
    other.ask(ReleaseCanceled())
    threads[1].join(10)
    assert (len(failures), threads[0].is_alive()) == (1, True)
    npm_stub.gate.touch()
    threads[0].join(10)
    assert application.has_tool(Platform.WECHAT)
    application.close()
