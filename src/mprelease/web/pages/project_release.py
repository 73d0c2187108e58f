"""One release of several apps of a project, by one form."""

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

router = APIRouter(prefix="/projects/{name}/release", include_in_schema=False)
Field = Annotated[str, Form(max_length=4000)]


@router.get("")
def form(
    request: Request, context: ContextOf, session: CanRelease, name: str, kind: Kind = Kind.PREVIEW
) -> Response:
    """Show the form, with all apps chosen."""
    return _form(request, context, name, {"kind": kind}, None)


@router.post("")
def release(
    request: Request,
    context: ContextOf,
    session: CanRelease,
    name: str,
    kind: Annotated[Kind, Form()],
    apps: Annotated[list[str] | None, Form()] = None,
    ref: Field = "",
    version: Field = "",
    description: Field = "",
    environment: Annotated[Environment, Form()] = Environment.PRODUCTION,
    key: Field = "",
) -> Response:
    """Queue a release of each chosen app, or of none where one of them cannot be."""
    typed: dict[str, Any] = {
        "ref": ref,
        "version": version,
        "description": description,
        "environment": environment,
        "key": key,
    }
    given = {field: text.strip() for field, text in typed.items() if text.strip()}
    click = f"{session.user.id}:{key}" if key else None
    try:
        wanted = ReleaseRequest.of_form(
            given, kind=kind, compile_settings={}, idempotency_key=click
        )
        made = releases.request_all(context.services, session.user.actor, name, wanted, apps or [])
    except ProblemError as failure:
        chosen = {"kind": kind, "apps": apps or []}
        return _form(request, context, name, typed | chosen, failure.problem_detail)
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
        members = stored_apps.of_project(db, project.id)
    blank = {
        "ref": project.default_branch,
        "version": "",
        "description": "",
        "environment": Environment.PRODUCTION,
        "apps": [app.name for app in members],
        "key": token_hex(8),
    }
    given = {field: value or "" for field, value in typed.items()}
    status = 422 if problem_detail else 200
    shown = {"project": project, "apps": members, "typed": blank | given}
    return page(request, "project_release.html", status, **shown, problem_detail=problem_detail)
