"""Send queries to workers; without a worker, answer them in this process."""

from typing import TYPE_CHECKING, Any

from mprelease.domain.errors import StageFailed
from mprelease.domain.worker_queries import QueryAnswer, WorkerQuery

if TYPE_CHECKING:
    from mprelease.application import Application

_SECONDS = 90.0
# Commands always need a current answer.
_MAX_AGE = 0.0


def ask(application: "Application", label: str, query: WorkerQuery) -> dict[str, Any]:
    """Return the facts; raise Refused if no worker answers, StageFailed for a problem."""
    answer = _answer(application, label, query)
    if answer.problem_detail:
        raise StageFailed(answer.problem_detail.problem, **answer.problem_detail.parameters)
    return dict(answer.facts or {})


def _answer(application: "Application", label: str, query: WorkerQuery) -> QueryAnswer:
    from mprelease.services import worker_queries
    from mprelease.storage import workers

    services = application.services
    with services.database.reading() as db:
        is_served = bool(workers.serving(db, label))
    if application.is_single_node and not is_served:
        return application.query_handler.answer(query)
    return worker_queries.ask(services, label, query, seconds=_SECONDS, max_age=_MAX_AGE)
