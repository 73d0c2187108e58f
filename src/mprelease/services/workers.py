"""Operations on workers."""

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.users import Actor
from mprelease.services.context import ServiceContext, record
from mprelease.storage import workers
from mprelease.storage.audit import AuditEntry


def clean(services: ServiceContext, who: Actor, name: str | None = None) -> int:
    """Request a cleanup of a worker (None: of all); return the number of alive ones."""
    with services.database.writing() as db:
        count = workers.request_cleanup(db, name)
        record(db, services, who, AuditEntry("worker.clean", name or "*"))
    return count


def drain(services: ServiceContext, who: Actor, name: str, *, draining: bool) -> None:
    """Stop a worker from claiming releases, or let it claim again; raise Refused if unknown."""
    with services.database.writing() as db:
        if not workers.drain(db, name, draining=draining):
            raise Refused(Problem.WORKER_UNKNOWN, name=name)
        record(db, services, who, AuditEntry("worker.drain" if draining else "worker.resume", name))
