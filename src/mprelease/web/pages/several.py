"""One release of several apps of a project, by one form."""

from secrets import token_hex
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from mprelease.domain.apps import Environment
from mprelease.domain.errors import TroubleError
from mprelease.domain.problems import Message, Trouble
from mprelease.domain.releases import Kind, ReleaseRequest
from mprelease.services import projects, releases
from mprelease.storage import apps as stored_apps
from mprelease.web.flash import done
from mprelease.web.hall import Hall
from mprelease.web.identity import HallOf, Releaser
from mprelease.web.rendering import page

router = APIRouter(prefix="/projects/{name}/release", include_in_schema=False)
Field = Annotated[str, Form(max_length=4000)]


@router.get("")
def form(
    request: Request, hall: HallOf, visit: Releaser, name: str, kind: Kind = Kind.PREVIEW
) -> Response:
    """Show the form, with all apps chosen."""
    return _form(request, hall, name, {"kind": kind}, None)


@router.post("")
def release(
    request: Request,
    hall: HallOf,
    visit: Releaser,
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
    wanted = ReleaseRequest(
        app="",
        kind=kind,
        ref=ref.strip() or None,
        version=version.strip() or None,
        description=description.strip() or None,
        environment=environment,
        idempotency_key=f"{visit.user.id}:{key}" if key else None,
    )
    try:
        made = releases.request_all(hall.house, visit.user.actor, name, wanted, apps or [])
    except TroubleError as failure:
        typed = {**vars(wanted), "version": version, "apps": apps or [], "key": key}
        return _form(request, hall, name, typed, failure.trouble)
    ids = ", ".join(f"#{each}" for each in made)
    return done(hall, "/", Message("done.releases_requested", {"count": len(made), "ids": ids}))


def _form(
    request: Request, hall: Hall, name: str, typed: dict[str, Any], trouble: Trouble | None
) -> Response:
    with hall.house.database.reading() as db:
        project = projects.found(db, name)
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
    status = 422 if trouble else 200
    shown = {"project": project, "apps": members, "typed": blank | given}
    return page(request, "several.html", status, **shown, trouble=trouble)
