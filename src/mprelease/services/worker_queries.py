"""Ask the workers of a label something that only they can answer, and wait for it."""

import time
from collections.abc import Callable

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.worker_queries import QueryAnswer, WorkerQuery
from mprelease.domain.workers import DEFAULT_LABEL
from mprelease.services import projects
from mprelease.services.context import ServiceContext
from mprelease.source.repository import check_ref
from mprelease.storage import apps, worker_queries, workers

_LOOK_SECONDS = 0.1


def ask(
    services: ServiceContext,
    label: str,
    query: WorkerQuery,
    *,
    seconds: float,
    max_age: float,
    is_over: Callable[[], bool] = lambda: False,
) -> QueryAnswer:
    """Return a worker's answer, or one that is at most `max_age` seconds old.

    Raise Refused when no worker of this label lives, or none answers within `seconds` or before
    whoever asks has to go (`is_over`), and for a ref that is none.
    """
    if "ref" in query.arguments:
        check_ref(str(query.arguments["ref"]))
    # Whoever only looks waits for no writer.
    with services.database.reading() as db:
        if known := worker_queries.cached(db, label, query, int(max_age * 1000)):
            return known
        if not workers.serving(db, label):
            raise Refused(Problem.NO_WORKER, label=label)
    with services.database.writing() as db:
        # Where an answer of a moment ago would do, so does that which somebody else waits for.
        joined = worker_queries.pending(db, label, query) if max_age else None
        query_id = joined or worker_queries.ask(db, label, query)
    services.wake(label)
    return _awaited(services, query_id, label, time.monotonic() + seconds, is_over)


def label_of(services: ServiceContext, project_name: str) -> str:
    """Return which workers reach a project's repository: those that run its apps."""
    with services.database.reading() as db:
        project = projects.get(db, project_name)
        labels = [app.label for app in apps.every(db) if app.project_id == project.id]
    return labels[0] if labels else DEFAULT_LABEL


def _awaited(
    services: ServiceContext,
    query_id: int,
    label: str,
    deadline: float,
    is_over: Callable[[], bool],
) -> QueryAnswer:
    while time.monotonic() < deadline and not is_over():
        with services.database.reading() as db:
            answer = worker_queries.answered(db, query_id)
        if answer:
            return answer
        time.sleep(_LOOK_SECONDS)
    raise Refused(Problem.NO_ANSWER, label=label)
