"""Worker queries that both pages and API send."""

from mprelease.domain.errors import ProblemError
from mprelease.domain.worker_queries import WorkerQuery, WorkerQueryKind
from mprelease.services import apps, board, finishing
from mprelease.services.sessions import Session
from mprelease.web.context import WebContext

_FINISH_SECONDS, _TRIAL_SECONDS = 90.0, 60.0
_ADDRESS_SECONDS, _ADDRESS_AGE = 10.0, 60.0


def finish(context: WebContext, session: Session, release_id: int) -> None:
    """Run the missed step of an accepted upload on a worker; raise Refused or StageFailed."""
    with context.services.database.reading() as db:
        _, app = finishing.upload(db, release_id)
    who: dict[str, str | int] = {"who": session.user.name, "who_id": session.user.id}
    query = WorkerQuery(WorkerQueryKind.FINISH, str(release_id), who)
    context.ask(app.label, query, seconds=_FINISH_SECONDS, max_age=0)


def ask_trial(context: WebContext, name: str) -> None:
    """Request from the platform which version of an app testers see, and store the answer.

    Raise Refused(TRIAL_NOT_REPORTED) if the platform has no such request, Refused or StageFailed.
    """
    with context.services.database.reading() as db:
        app = apps.get(db, name)
    board.require_report(app)
    query = WorkerQuery(WorkerQueryKind.TRIAL_VERSION, name)
    facts = context.ask(app.label, query, seconds=_TRIAL_SECONDS, max_age=0)
    board.store_answer(context.services, name, facts["version"])


def outside_address(context: WebContext, label: str) -> str | None:
    """Return the public IP address of the workers of a label; None if it cannot be determined."""
    query = WorkerQuery(WorkerQueryKind.ADDRESS)
    try:
        facts = context.ask(label, query, seconds=_ADDRESS_SECONDS, max_age=_ADDRESS_AGE)
    except ProblemError:
        return None
    return str(facts["address"])
