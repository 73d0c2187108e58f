"""Pages of workers and of the audit log."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from mprelease.domain.problems import Message
from mprelease.services import workers
from mprelease.storage import audit
from mprelease.storage import workers as stored
from mprelease.web.flash import done
from mprelease.web.identity import CanManage, ContextOf
from mprelease.web.rendering import page

router = APIRouter(include_in_schema=False)
_ENTRIES = 100


@router.get("/workers")
def show(request: Request, context: ContextOf, session: CanManage) -> Response:
    """List the workers with their running releases."""
    with context.services.database.reading() as db:
        found = stored.every(db)
    return page(request, "workers.html", workers=found)


@router.post("/workers/drain")
def drain(
    context: ContextOf,
    session: CanManage,
    name: Annotated[str, Form()],
    *,
    draining: Annotated[bool, Form()] = False,
) -> Response:
    """Let a worker take no more releases, or take releases again."""
    workers.drain(context.services, session.user.actor, name, draining=draining)
    message = "done.worker_drained" if draining else "done.worker_resumed"
    return done(context, "/workers", Message(message, {"name": name}))


@router.get("/audit")
def audit_entries(
    request: Request, context: ContextOf, session: CanManage, before: int | None = None
) -> Response:
    """List the entries of the audit log, newest first."""
    with context.services.database.reading() as db:
        found = audit.newest(db, before, _ENTRIES)
    return page(request, "audit.html", entries=found, more=len(found) == _ENTRIES)
