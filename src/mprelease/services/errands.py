"""Deeds about errands: ask the workers of a label, and look for the answer."""

import time
from collections.abc import Callable

from mprelease.domain.errands import Answer, Errand
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.workers import DEFAULT_LABEL
from mprelease.services import projects
from mprelease.services.house import House
from mprelease.source.repository import check_ref
from mprelease.storage import apps, errands, workers

_LOOK_SECONDS = 0.1


def ask(
    house: House,
    label: str,
    errand: Errand,
    *,
    seconds: float,
    max_age: float,
    is_over: Callable[[], bool] = lambda: False,
) -> Answer:
    """Return a worker's answer, or one that is at most `max_age` seconds old.

    Raise Refused when no worker of this label lives, or none answers within `seconds` or before
    whoever asks has to go (`is_over`), and for a ref that is none.
    """
    if "ref" in errand.arguments:
        check_ref(str(errand.arguments["ref"]))
    # Whoever only looks waits for no writer.
    with house.database.reading() as db:
        if known := errands.cached(db, label, errand, int(max_age * 1000)):
            return known
        if not workers.serving(db, label):
            raise Refused(Problem.NO_WORKER, label=label)
    with house.database.writing() as db:
        # Where an answer of a moment ago would do, so does that which somebody else waits for.
        joined = errands.pending(db, label, errand) if max_age else None
        errand_id = joined or errands.ask(db, label, errand)
    house.wake(label)
    return _awaited(house, errand_id, label, time.monotonic() + seconds, is_over)


def label_of(house: House, project_name: str) -> str:
    """Return which workers reach a project's repository: those that run its apps."""
    with house.database.reading() as db:
        project = projects.found(db, project_name)
        labels = [app.label for app in apps.every(db) if app.project_id == project.id]
    return labels[0] if labels else DEFAULT_LABEL


def _awaited(
    house: House, errand_id: int, label: str, deadline: float, is_over: Callable[[], bool]
) -> Answer:
    while time.monotonic() < deadline and not is_over():
        with house.database.reading() as db:
            answer = errands.answered(db, errand_id)
        if answer:
            return answer
        time.sleep(_LOOK_SECONDS)
    raise Refused(Problem.NO_ANSWER, label=label)
