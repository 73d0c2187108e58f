"""One run: a site, its processes, the harm, the dust, and the verdict."""

import random
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chaos.crew import Crew, Hand, until
from chaos.monkey import Monkey
from chaos.person import Person
from chaos.plan import Plan, wishes
from chaos.sites import Site, building
from chaos.submitter import Book
from chaos.vendor import LightVendor, Vendor
from chaos.verdict import Evidence, Verdict, evidence_of, verdict
from mprelease.application import Application

# Between two blows, in seconds, where there is little time.
SHORT_PAUSES = (0.4, 1.6)
# Of the time of a run, so much passes until the last release is asked for.
_ASKING = 0.8
_DUST_SECONDS = 180.0


@dataclass(frozen=True)
class Task:
    """What a run is: so many releases, asked for within so many seconds of harm.

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
    harm: Mapping[str, int]
    left_behind: int
    internal_errors: int
    seconds: float

    @property
    def is_kept(self) -> bool:
        """Tell whether everything that is promised was kept."""
        return self.verdict.is_kept and not self.left_behind


def run(shape: str, task: Task, folder: Path) -> Outcome:
    """Run light releases in one shape; from the main thread, with which the servers end."""
    with LightVendor(folder / "ledger") as vendor:
        return run_at(vendor, shape, task, folder)


def run_at(vendor: Vendor, shape: str, task: Task, folder: Path) -> Outcome:
    """Run releases to a vendor in one shape; from the main thread."""
    began = time.monotonic()
    chance = random.Random(task.seed)
    with building(shape, folder, vendor) as site:
        crew, books = _crew(site, task, chance)
        application = site.application()
        person = Person(application, vendor)
        monkey = Monkey(crew, site, chance, task.pauses)
        person.start()
        try:
            crew.start()
            _do_harm(crew, monkey, person, task.seconds)
            _settle(crew, monkey, person)
        finally:
            monkey.relent()
            crew.end()
            person.end()
        found = _evidence(application, vendor, books, person)
        application.close()
    errors = sum(_tracebacks(hand.log) for hand in crew.workers)
    took = time.monotonic() - began
    return Outcome(shape, task, verdict(found), monkey.done, crew.left_behind, errors, took)


def commit() -> str:
    """Name the commit that is tried, with a plus where the files differ from it."""
    here = Path(__file__).parent
    words = ("git", "describe", "--always", "--dirty=+", "--abbrev=7", "--exclude=*")
    told = subprocess.run(words, cwd=here, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "no commit"


def _crew(site: Site, task: Task, chance: random.Random) -> tuple[Crew, list[Book]]:
    start = time.time() + 2
    submitters, books = [], []
    wanted = wishes(chance, task.releases, task.seconds * _ASKING, site.vendor.ref)
    for number in range(task.submitters):
        name = f"submitter-{number + 1}"
        file, book = site.folder / f"{name}.plan", Book(site.folder / f"{name}.list")
        Plan(start, tuple(wanted[number :: task.submitters])).save(file)
        arguments = ("chaos.submitter", str(file), str(book.file))
        submitters.append(Hand(name, site, arguments, has_an_end=True))
        books.append(book)
    workers = [
        Hand(f"worker-{number + 1}", site, site.vendor.worker) for number in range(task.workers)
    ]
    return Crew(workers, submitters, chance), books


def _do_harm(crew: Crew, monkey: Monkey, person: Person, seconds: float) -> None:
    def is_over() -> bool:
        crew.keep()
        monkey.act()
        return crew.has_asked and person.open == 0

    until(is_over, seconds)


def _settle(crew: Crew, monkey: Monkey, person: Person) -> None:
    """Let everything end that can."""
    monkey.relent()

    def has_settled() -> bool:
        crew.keep()
        return crew.has_asked and person.open == 0 and not crew.doomed

    person.hurry()
    until(has_settled, _DUST_SECONDS)


def _evidence(
    application: Application, vendor: Vendor, books: list[Book], person: Person
) -> Evidence:
    with application.services.database.reading() as db:
        rows, first_starts = evidence_of(db)
    accepted = [line for book in books for line in book.accepted]
    seen = frozenset(person.seen_unknown)
    return Evidence(accepted, vendor.entries, rows, first_starts, seen, dict(person.decided))


def _tracebacks(log: Path) -> int:
    return log.read_text(errors="replace").count("Traceback (most recent call last)")
