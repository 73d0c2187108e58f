"""API of workers and of the audit log."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from mprelease.domain.problems import Problem
from mprelease.domain.sandbox import SandboxMode
from mprelease.domain.workers import WorkerRecord
from mprelease.schemas.documents import moment, pick
from mprelease.schemas.fields import Number
from mprelease.services import workers
from mprelease.storage import audit
from mprelease.storage import workers as stored
from mprelease.storage.audit import AuditEntry
from mprelease.web.api.common_models import Listed
from mprelease.web.api.refusals import refusing
from mprelease.web.identity import CanManage, ContextOf

router = APIRouter(prefix="/api/v1")


class WorkerModel(BaseModel):
    """A worker and the ids of its running releases."""

    name: str
    labels: list[str]
    slots: int
    version: str
    is_alive: bool
    draining: bool
    runs: list[int]
    seen_at: datetime
    sandbox: SandboxMode | None
    sandbox_reason: str = Field(description="why not a stronger mode; empty for the strongest")
    loop_failures: int
    low_disk: bool

    @classmethod
    def of(cls, worker: WorkerRecord) -> "WorkerModel":
        """Return the model of a worker."""
        return cls(
            **pick(worker, "name", "slots", "version", "is_alive", "draining", "sandbox"),
            sandbox_reason=worker.sandbox_reason,
            low_disk=worker.low_disk,
            loop_failures=worker.loop_failures,
            labels=list(worker.labels),
            runs=list(worker.runs),
            seen_at=moment(worker.seen_at),
        )


class AuditEntryModel(BaseModel):
    """An action of a user on a subject; the ids identify them also after a rename."""

    id: int
    at: datetime
    who: str
    who_id: int | None
    action: str
    subject: str
    subject_id: int | None
    app_id: int | None
    details: dict[str, object]

    @classmethod
    def of(cls, number: int, entry: AuditEntry) -> "AuditEntryModel":
        """Return the model of an entry."""
        names = ("who", "who_id", "action", "subject", "subject_id", "app_id", "details")
        return cls(id=number, at=moment(entry.at), **pick(entry, *names))


@router.get("/workers", tags=["workers"], responses=refusing(Problem.FORBIDDEN))
def list_workers(context: ContextOf, session: CanManage) -> list[WorkerModel]:
    """List all workers, also dead ones."""
    with context.services.database.reading() as db:
        return [WorkerModel.of(one) for one in stored.every(db)]


@router.post(
    "/workers/{name}/drain",
    tags=["workers"],
    status_code=204,
    responses=refusing(Problem.WORKER_UNKNOWN),
)
def drain(context: ContextOf, session: CanManage, name: str) -> None:
    """Let a worker take no more releases; running ones continue."""
    workers.drain(context.services, session.user.actor, name, draining=True)


@router.post(
    "/workers/{name}/resume",
    tags=["workers"],
    status_code=204,
    responses=refusing(Problem.WORKER_UNKNOWN),
)
def resume(context: ContextOf, session: CanManage, name: str) -> None:
    """Let a worker take releases again."""
    workers.drain(context.services, session.user.actor, name, draining=False)


@router.get("/audit", tags=["audit"], responses=refusing(Problem.FORBIDDEN))
def list_audit(
    context: ContextOf,
    session: CanManage,
    before: Number | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Listed[AuditEntryModel]:
    """List the entries of the audit log, newest first."""
    with context.services.database.reading() as db:
        found = audit.newest(db, before, limit + 1)
    shown = [AuditEntryModel.of(number, entry) for number, entry in found[:limit]]
    return Listed(items=shown, next=shown[-1].id if len(found) > limit else None)
