"""One run: a deployment, its processes, the injected faults, and the verdict."""

import random
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chaos.deployments import Deployment, deployed
from chaos.monkey import Monkey
from chaos.plan import Plan, planned_releases
from chaos.processes import ManagedProcess, ProcessGroup, until
from chaos.resolver import Resolver
from chaos.submitter import AcceptedList
from chaos.vendor import LightVendor, Vendor
from chaos.verdict import Evidence, Verdict, evidence_of, verdict
from mprelease.application import Application

# Between two blows, in seconds, where there is little time.
SHORT_PAUSES = (0.4, 1.6)
# Of the time of a run, the share until the last release is requested.
_ASKING = 0.8
_DUST_SECONDS = 180.0


@dataclass(frozen=True)
class Task:
    """What a run is: the number of releases, requested within so many seconds of faults.

    Between two blows lie between so many and so many seconds (`pauses`).
    """

    releases: int
    workers: int
    submitters: int
    seconds: float
    seed: int
    pauses: tuple[float, float] = (1.0, 5.0)


@dataclass(frozen=True)
class Outcome:
    """What a run has shown, and what was done to it."""

    shape: str
    task: Task
    verdict: Verdict
    faults: Mapping[str, int]
    left_behind: int
    internal_errors: int
    seconds: float

    @property
    def is_kept(self) -> bool:
        """Return whether everything that is promised was kept."""
        return self.verdict.is_kept and not self.left_behind


def run(shape: str, task: Task, folder: Path) -> Outcome:
    """Run light releases in one shape; from the main thread, with which the servers end."""
    with LightVendor(folder / "ledger") as vendor:
        return run_at(vendor, shape, task, folder)


def run_at(vendor: Vendor, shape: str, task: Task, folder: Path) -> Outcome:
    """Run releases to a vendor in one shape; from the main thread."""
    began = time.monotonic()
    chance = random.Random(task.seed)
    with deployed(shape, folder, vendor) as deployment:
        processes, accepted_lists = _processes(deployment, task, chance)
        application = deployment.application()
        resolver = Resolver(application, vendor)
        monkey = Monkey(processes, deployment, chance, task.pauses)
        resolver.start()
        try:
            processes.start()
            _inject_faults(processes, monkey, resolver, task.seconds)
            _settle(processes, monkey, resolver)
        finally:
            monkey.repair_all()
            processes.end()
            resolver.end()
        found = _evidence(application, vendor, accepted_lists, resolver)
        application.close()
    errors = sum(_tracebacks(process.log) for process in processes.workers)
    took = time.monotonic() - began
    return Outcome(shape, task, verdict(found), monkey.done, processes.left_behind, errors, took)


def commit() -> str:
    """Name the commit that is tried, with a plus where the files differ from it."""
    here = Path(__file__).parent
    words = ("git", "describe", "--always", "--dirty=+", "--abbrev=7", "--exclude=*")
    described = subprocess.run(words, cwd=here, capture_output=True, text=True, check=False)
    return described.stdout.strip() or "no commit"


def _processes(
    deployment: Deployment, task: Task, chance: random.Random
) -> tuple[ProcessGroup, list[AcceptedList]]:
    start = time.time() + 2
    submitters, accepted_lists = [], []
    wanted = planned_releases(chance, task.releases, task.seconds * _ASKING, deployment.vendor.ref)
    for number in range(task.submitters):
        name = f"submitter-{number + 1}"
        file, accepted_list = (
            deployment.folder / f"{name}.plan",
            AcceptedList(deployment.folder / f"{name}.list"),
        )
        Plan(start, tuple(wanted[number :: task.submitters])).save(file)
        arguments = ("chaos.submitter", str(file), str(accepted_list.file))
        submitters.append(ManagedProcess(name, deployment, arguments, has_an_end=True))
        accepted_lists.append(accepted_list)
    workers = [
        ManagedProcess(f"worker-{number + 1}", deployment, deployment.vendor.worker)
        for number in range(task.workers)
    ]
    return ProcessGroup(workers, submitters, chance), accepted_lists


def _inject_faults(
    processes: ProcessGroup, monkey: Monkey, resolver: Resolver, seconds: float
) -> None:
    def is_over() -> bool:
        processes.keep()
        monkey.act()
        return processes.has_requested_all and resolver.open == 0

    until(is_over, seconds)


def _settle(processes: ProcessGroup, monkey: Monkey, resolver: Resolver) -> None:
    """Let everything end that can."""
    monkey.repair_all()

    def has_settled() -> bool:
        processes.keep()
        return processes.has_requested_all and resolver.open == 0 and not processes.expected_ended

    resolver.decide_sooner()
    until(has_settled, _DUST_SECONDS)


def _evidence(
    application: Application, vendor: Vendor, accepted_lists: list[AcceptedList], resolver: Resolver
) -> Evidence:
    with application.services.database.reading() as db:
        rows, first_starts = evidence_of(db)
    accepted = [line for accepted_list in accepted_lists for line in accepted_list.accepted]
    seen = frozenset(resolver.seen_unknown)
    return Evidence(accepted, vendor.entries, rows, first_starts, seen, dict(resolver.decided))


def _tracebacks(log: Path) -> int:
    return log.read_text(errors="replace").count("Traceback (most recent call last)")
