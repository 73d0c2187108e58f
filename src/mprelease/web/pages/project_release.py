"""The form that releases several apps of a project."""

from secrets import token_hex
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from mprelease.domain.apps import Environment
from mprelease.domain.errors import ProblemError
from mprelease.domain.problems import Message, ProblemDetail
from mprelease.domain.releases import Kind
from mprelease.schemas.releases import ReleaseRequest
from mprelease.services import projects, releases
from mprelease.storage import apps as stored_apps
from mprelease.web.context import WebContext
from mprelease.web.flash import done
from mprelease.web.identity import CanRelease, ContextOf
from mprelease.web.rendering import page
from mprelease.web.sent_form import SentForm

router = APIRouter(prefix="/projects/{name}/release", include_in_schema=False)


@router.get("")
def form(
    request: Request, context: ContextOf, session: CanRelease, name: str, kind: Kind = Kind.PREVIEW
) -> Response:
    """Show the form, with all apps selected."""
    return _form(request, context, name, {"kind": kind}, None)


@router.post("")
def release(
    request: Request,
    context: ContextOf,
    session: CanRelease,
    name: str,
    sent: Annotated[SentForm, Form()],
) -> Response:
    """Queue a release of each selected app, or of none if one is refused."""
    given = {field: text.strip() for field, text in sent.typed.items() if text.strip()}
    idempotency_key = f"{session.user.id}:{given['key']}" if "key" in given else None
    apps = sent.several("apps")
    try:
        wanted = ReleaseRequest.of_form(
            given, app="", compile_settings={}, idempotency_key=idempotency_key
        )
        made = releases.request_all(context.services, session.user.actor, name, wanted, apps)
    except ProblemError as failure:
        typed = {**sent.typed, "apps": apps}
        return _form(request, context, name, typed, failure.problem_detail)
    ids = ", ".join(f"#{each}" for each in made)
    return done(context, "/", Message("done.releases_requested", {"count": len(made), "ids": ids}))


def _form(
    request: Request,
    context: WebContext,
    name: str,
    typed: dict[str, Any],
    problem_detail: ProblemDetail | None,
) -> Response:
    with context.services.database.reading() as db:
        project = projects.get(db, name)
        of_project = stored_apps.of_project(db, project.id)
    blank = {
        "ref": project.default_branch,
        "version": "",
        "description": "",
        "environment": Environment.PRODUCTION,
        "apps": [app.name for app in of_project],
        "key": token_hex(8),
    }
    given = {field: value or "" for field, value in typed.items()}
    status = 422 if problem_detail else 200
    shown = {"project": project, "apps": of_project, "typed": blank | given}
    return page(request, "project_release.html", status, **shown, problem_detail=problem_detail)
