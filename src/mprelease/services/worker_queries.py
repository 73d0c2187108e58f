"""Send queries to the workers of a label, and wait for the answers."""

import time
from collections.abc import Callable
from contextlib import nullcontext

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.worker_queries import QueryAnswer, WorkerQuery, WorkerQueryKind
from mprelease.domain.workers import DEFAULT_LABEL
from mprelease.services import apps, projects
from mprelease.services.context import ServiceContext
from mprelease.services.waiting_queries import WaitingQueries
from mprelease.source.repository import check_ref, host_of
from mprelease.storage import apps as stored
from mprelease.storage import worker_queries, workers
from mprelease.storage.database import Reader

_LOOK_SECONDS = 0.1
_OF_PLATFORM = {
    WorkerQueryKind.CHECK,
    WorkerQueryKind.LAST_VERSION,
    WorkerQueryKind.TRIAL_VERSION,
}


def ask(
    services: ServiceContext,
    label: str,
    query: WorkerQuery,
    *,
    seconds: float,
    max_age: float,
    is_over: Callable[[], bool] = lambda: False,
    waiting: WaitingQueries | None = None,
) -> QueryAnswer:
    """Return a worker's answer, or one that is at most `max_age` seconds old.

    Raise Refused if no worker of this label is alive, if none answers within `seconds` or until
    `is_over`, if too many are `waiting`, and for a ref that cannot be one.
    """
    if "ref" in query.arguments:
        check_ref(str(query.arguments["ref"]))
    # Reading does not wait for a writer.
    with services.database.reading() as db:
        if known := worker_queries.cached(db, label, query, int(max_age * 1000)):
            return known
        if not workers.serving(db, label):
            raise Refused(Problem.NO_WORKER, label=label)
        host = host_asked(db, query)
    with waiting.counted(label, host or query.subject) if waiting else nullcontext():
        with services.database.writing() as db:
            # A recent answer is accepted, so the answer to a waiting query is, too.
            joined = worker_queries.pending(db, label, query) if max_age else None
            query_id = joined or worker_queries.add(db, label, query)
        services.wake(label)
        return _awaited(services, query_id, label, time.monotonic() + seconds, is_over)


def host_asked(db: Reader, query: WorkerQuery) -> str:
    """Return the git host or the platform that the answer depends on; "" for none."""
    try:
        if query.kind in {WorkerQueryKind.REFS, WorkerQueryKind.COMMITS}:
            return host_of(projects.get(db, query.subject).repository)
        if query.kind in _OF_PLATFORM:
            return apps.get(db, query.subject).platform
    except Refused:
        return ""  # The answer will be the same refusal, and needs no host.
    return query.kind


def label_of(services: ServiceContext, project_name: str) -> str:
    """Return the label of the workers that reach a project's repository: that of its apps."""
    with services.database.reading() as db:
        project = projects.get(db, project_name)
        labels = [app.label for app in stored.every(db) if app.project_id == project.id]
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
