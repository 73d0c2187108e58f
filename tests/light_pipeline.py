"""A fast pipeline for tests of the real engine: simulated stages, and a ledger of uploads.

The description of a release controls its stages: `build=0.5` (the stage's duration in seconds),
`fail=install`, or `after=2` (the pause in seconds between fence and sending).
"""

import fcntl
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Commit, Kind, Publication, Stage
from mprelease.domain.sandbox import SandboxMode
from mprelease.engine.recorder import Broadcast, LogListener
from mprelease.engine.slot import WorkerDependencies
from mprelease.engine.tool_supply import ToolSupply
from mprelease.engine.upkeep import Upkeep
from mprelease.engine.worker import Worker, WorkerConfig
from mprelease.engine.worker_queries import QueryEnvironment, QueryHandler
from mprelease.i18n import Language, Translator
from mprelease.pipeline.run import Limits, Machine, Node, Run
from mprelease.pipeline.runner import Outcome, run_stages
from mprelease.pipeline.standby import Standby
from mprelease.pipeline.standby_limits import StandbyLimits
from mprelease.platforms.driver import Route, ToolEnvironment
from mprelease.process.sandbox import Unconfined
from mprelease.services.context import ServiceContext
from mprelease.supervision import LoopSupervisor
from mprelease.workspace.layout import prepared

POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Ledger:
    """The simulated platform: a file with one line for each upload."""

    file: Path

    def arrive(self, release: int, attempt: str) -> None:
        with self.file.open("a") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            stream.write(f"{release} {attempt} {time.time():.3f}\n")

    def uploads(self) -> list[int]:
        """Return the ids of the uploaded releases, with repetitions."""
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [int(line.split()[0]) for line in lines]


def light(ledger: Ledger) -> Callable[[Run], Outcome]:
    """Return a pipeline of simulated stages that uploads into the ledger."""
    stages: dict[Stage, Callable[[Run], bool]] = {
        Stage.CHECKOUT: _checkout,
        Stage.INSTALL: partial(_stage, Stage.INSTALL),
        Stage.BUILD: partial(_stage, Stage.BUILD),
        Stage.PUBLISH: partial(_publish, ledger),
    }

    def nothing(_: Run) -> AbstractContextManager[None]:
        return nullcontext()

    return lambda run: run_stages(run, stages, nothing)


def make_worker(
    services: ServiceContext,
    folder: Path,
    pipeline: Callable[[Run], Outcome],
    config: WorkerConfig,
    *,
    limit: int = 60,
    live: LogListener | None = None,
    loops: LoopSupervisor | None = None,
    tools: ToolSupply = ToolSupply(),  # noqa: B008 it is frozen
    upkeep: Upkeep | None = None,
) -> Worker:
    """Return a real worker that runs a light pipeline in its own data folder."""
    layout = prepared(folder)
    machine = Machine(
        layout=layout,
        sandbox=Unconfined("a test"),
        standby=Standby(
            prepared(folder),
            Unconfined(""),
            ToolEnvironment(folder, "node", folder, None),
            StandbyLimits(0),
        ),
        node=Node("node", "npm", folder, "20", "10"),
        environment={},
        build_variables={},
        npm_registry=None,
        route=Route(),
        limits=Limits(dict.fromkeys(Stage, 60), 512),
        words=Translator(Language.ENGLISH),
    )
    assert machine.sandbox.mode is SandboxMode.OFF
    worker_queries = QueryHandler(
        services, QueryEnvironment(machine.layout.mirrors, {}, Route(), None)
    )
    dependencies = WorkerDependencies(
        services, machine, limit, pipeline, tools, live=live or Broadcast()
    )
    return Worker(dependencies, config, worker_queries, loops, upkeep)


def _checkout(run: Run) -> bool:
    run.commit = Commit("c" * 40, "林", "a change", 1_795_320_000)
    run.recorder.checked_out(run.commit)
    return _stage(Stage.CHECKOUT, run)


def _stage(stage: Stage, run: Run) -> bool:
    run.log(f"{stage} of {run.job.release.id}")
    options = _options(run)
    _wait(run, float(options.get(stage, "0")))
    if options.get("fail") == stage:
        raise StageFailed(Problem.BUILD_FAILED, code=1)
    return False


def _publish(ledger: Ledger, run: Run) -> bool:
    _stage(Stage.PUBLISH, run)
    release = run.job.release
    not_after = run.fence.cross()
    run.log("sending")
    time.sleep(float(_options(run).get("after", "0")))
    # Like the bridges: sending is refused after the time limit.
    if time.time() * 1000 > not_after:
        raise StageFailed(Problem.PUBLISH_TOO_LATE)
    if release.kind is Kind.UPLOAD:
        ledger.arrive(release.id, str(release.attempt))
    run.is_published = True
    run.recorder.published(Publication())
    return False


def _wait(run: Run, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        run.stop.raise_if_asked()
        time.sleep(POLL_SECONDS)
    run.stop.raise_if_asked()


def _options(run: Run) -> dict[str, str]:
    words = (word.partition("=") for word in run.job.release.description.split())
    return {name: value for name, _, value in words}
