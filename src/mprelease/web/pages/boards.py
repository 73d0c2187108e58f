"""The board of a project, and operations on that of an app: mark the trial version, request it."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from mprelease.domain.problems import Message
from mprelease.services import board, projects
from mprelease.storage import apps
from mprelease.web import worker_queries
from mprelease.web.flash import done
from mprelease.web.identity import CanRelease, CanView, ContextOf
from mprelease.web.rendering import page

router = APIRouter(include_in_schema=False)


@router.get("/projects/{name}/board")
def show(request: Request, context: ContextOf, session: CanView, name: str) -> Response:
    """Show which version is on each robot or channel of a project's apps."""
    with context.services.database.reading() as db:
        project = projects.get(db, name)
        boards = board.boards(db, apps.of_project(db, project.id))
    return page(request, "project_board.html", project=project, boards=boards)


@router.post("/apps/{name}/trial")
def mark(
    context: ContextOf, session: CanRelease, name: str, robot: Annotated[int, Form()]
) -> Response:
    """Mark the robot or channel whose version testers see."""
    board.mark(context.services, session.user.actor, name, robot)
    return done(context, f"/apps/{quote(name)}", Message("done.trial_marked", {"name": name}))


@router.post("/apps/{name}/trial/refresh")
def refresh(context: ContextOf, session: CanRelease, name: str) -> Response:
    """Request from the platform which version testers see, and wait for the answer."""
    worker_queries.ask_trial(context, name)
    return done(context, f"/apps/{quote(name)}", Message("done.trial_refreshed", {"name": name}))
