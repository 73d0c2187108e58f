"""A node with simulated stages: `python -m benchmarks.live.node serve PORT` or `… work`.

All other parts are real. When the file `go` of the description (`rate=1000 seconds=30 go=FILE`)
exists, the build writes `rate` lines per second; each line begins with its time in ns since the
epoch.
"""

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from light_pipeline import make_worker
from mprelease.application import Application, opened
from mprelease.cli import serve
from mprelease.cli import worker as work
from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Stage
from mprelease.engine.recorder import LogListener
from mprelease.engine.worker import Worker, WorkerConfig
from mprelease.pipeline.run import Run
from mprelease.pipeline.runner import Outcome, run_stages
from mprelease.settings.settings import load
from mprelease.workspace.owner_lock import owning

_FILLER = "x" * 40
_TICK_SECONDS = 0.01


@dataclass(frozen=True)
class SimulatedBuilds(Application):
    """An application whose workers run stages that only write lines."""

    def worker(
        self, labels: tuple[str, ...], slots: int, live: LogListener | None = None
    ) -> Worker:
        """Return a real worker with simulated stages."""
        lease = self.settings.lease_seconds * 1000
        config = WorkerConfig(self.worker_name, labels, slots, 0, lease)
        watched = self.log_listener(live)
        return make_worker(
            self.leased_services, self.layout.data, _pipeline, config, limit=600, live=watched
        )


def main(action: str, port: int = 0) -> None:
    """Serve pages and run a worker, or only run a worker, until a signal."""
    made = opened(load())
    application = SimulatedBuilds(
        made.settings, made.layout, made.services, made.messaging, made.loops
    )
    if action == "serve":
        serve.run(application, "127.0.0.1", port, works=True)
    else:
        with owning(application.layout):
            work.work(application, made.settings.labels, made.settings.slots)
    application.close()


def _pipeline(run: Run) -> Outcome:
    stages: dict[Stage, Callable[[Run], bool]] = dict.fromkeys(Stage, lambda _: False)
    return run_stages(run, stages | {Stage.BUILD: _send_batches}, lambda _: nullcontext())


def _send_batches(run: Run) -> bool:
    options = dict(word.split("=", 1) for word in run.job.release.description.split())
    rate, seconds, go = int(options["rate"]), int(options["seconds"]), Path(options["go"])
    while not go.exists():
        run.stop.raise_if_asked()
        time.sleep(_TICK_SECONDS)
    began, written = time.monotonic(), 0
    while written < rate * seconds:
        due = min(int((time.monotonic() - began) * rate), rate * seconds)
        for _ in range(due - written):
            run.log(f"{time.time_ns()} {_FILLER}")
        written = due
        time.sleep(max(_TICK_SECONDS, 1 / rate))
    # So that nothing is published.
    raise StageFailed(Problem.BUILD_FAILED, code=1)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
