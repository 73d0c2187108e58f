"""The page of what takes how much of the disks and the database, and of what is removed when."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from mprelease.domain.problems import Message
from mprelease.domain.stores import StoreName, StoreReport
from mprelease.domain.workers import WorkerRecord
from mprelease.services import workers
from mprelease.storage import workers as stored
from mprelease.web.flash import done
from mprelease.web.identity import CanManage, ContextOf
from mprelease.web.rendering import page

router = APIRouter(prefix="/storage", include_in_schema=False)
_DATABASE = {StoreName.RELEASES, StoreName.LOGS, StoreName.QR_CODES}


@router.get("")
def show(request: Request, context: ContextOf, session: CanManage) -> Response:
    """Show the stores of each worker's disk and of the database, as of the last cleanups."""
    with context.services.database.reading() as db:
        found = stored.every(db)
    shown = [(worker, _reports(worker, of_database=False)) for worker in found]
    cleaned = [one for one in found if _reports(one, of_database=True)]
    newest = max(cleaned, key=lambda one: one.stores_at or 0, default=None)
    return page(
        request,
        "storage.html",
        workers=shown,
        database=_reports(newest, of_database=True) if newest else [],
        database_at=newest.stores_at if newest else None,
    )


@router.post("/clean")
def clean(
    context: ContextOf, session: CanManage, name: Annotated[str | None, Form()] = None
) -> Response:
    """Request a cleanup of one worker, or of all."""
    count = workers.clean(context.services, session.user.actor, name or None)
    message = Message("done.cleanup_asked" if count else "done.cleanup_nobody")
    return done(context, "/storage", message)


def _reports(worker: WorkerRecord, *, of_database: bool) -> list[StoreReport]:
    return [each for each in worker.stores if (each.store in _DATABASE) is of_database]
