"""Send queries to the workers of a label, and wait for the answers."""

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

    Raise Refused if no worker of this label is alive, if none answers within `seconds` or until
    `is_over`, and for a ref that cannot be one.
    """
    if "ref" in query.arguments:
        check_ref(str(query.arguments["ref"]))
    # Reading does not wait for a writer.
    with services.database.reading() as db:
        if known := worker_queries.cached(db, label, query, int(max_age * 1000)):
            return known
        if not workers.serving(db, label):
            raise Refused(Problem.NO_WORKER, label=label)
    with services.database.writing() as db:
        # A recent answer is accepted, so the answer to a query that is already waiting is, too.
        joined = worker_queries.pending(db, label, query) if max_age else None
        query_id = joined or worker_queries.add(db, label, query)
    services.wake(label)
    return _awaited(services, query_id, label, time.monotonic() + seconds, is_over)


def label_of(services: ServiceContext, project_name: str) -> str:
    """Return the label of the workers that reach a project's repository: that of its apps."""
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
