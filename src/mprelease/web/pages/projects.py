"""Pages of projects, and the settings of their apps."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from mprelease.domain.apps import ProjectType
from mprelease.domain.errors import ProblemError, Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Message, Problem, ProblemDetail
from mprelease.domain.projects import Project, ProjectSecret
from mprelease.domain.worker_queries import WorkerQuery, WorkerQueryKind
from mprelease.platforms.driver import Driver
from mprelease.platforms.registry import (
    ServedPlatform,
    driver_of,
    has_channels,
    served,
    served_by_name,
)
from mprelease.schemas.apps import App
from mprelease.schemas.projects import NewProject, ProjectChange
from mprelease.services import apps, projects
from mprelease.storage import apps as stored_apps
from mprelease.storage import projects as stored
from mprelease.web import worker_queries
from mprelease.web.app_form import AppForm, form_fields
from mprelease.web.context import WebContext
from mprelease.web.flash import done
from mprelease.web.identity import CanManage, ContextOf
from mprelease.web.rendering import page
from mprelease.web.sent_form import SentForm, seen_revision

router = APIRouter(include_in_schema=False)
Sent = Annotated[SentForm, Form()]
_CHECK_SECONDS = 60.0
_NO_PROJECT = {"name": "", "repository": "", "default_branch": "main"}


SentApp = Annotated[AppForm, Form(media_type="multipart/form-data")]


@router.get("/projects")
def show(request: Request, context: ContextOf, session: CanManage) -> Response:
    """List the projects with their apps, and show the form of a new one."""
    return _list(request, context)


@router.post("/projects")
def add(
    request: Request,
    context: ContextOf,
    session: CanManage,
    sent: Sent,
) -> Response:
    """Add a project and redirect to its settings."""
    try:
        new = NewProject.of_form(sent.typed, secrets={})
        added = projects.add(context.services, session.user.actor, new)
    except ProblemError as failure:
        typed = _NO_PROJECT | sent.typed
        return _list(request, context, problem_detail=failure.problem_detail, typed=typed)
    return done(context, _address(added), Message("done.project_added", {"name": added.name}))


@router.get("/projects/{name}")
def settings(request: Request, context: ContextOf, session: CanManage, name: str) -> Response:
    """Show a project's settings and its apps."""
    return _settings(request, context, name)


@router.post("/projects/{name}")
def edit(
    request: Request,
    context: ContextOf,
    session: CanManage,
    name: str,
    sent: Sent,
) -> Response:
    """Change a project; an empty secret is not changed, `forget` removes it."""
    typed = sent.typed
    given = {key: typed.get(key, "") for key in ProjectSecret}
    secrets: dict[str, str | None] = {key: text for key, text in given.items() if text.strip()}
    secrets |= dict.fromkeys(sent.several("forget"))
    try:
        change = ProjectChange.of_form(typed, secrets=secrets)
        edited = projects.edit(context.services, session.user.actor, name, change)
    except ProblemError as failure:
        seen = seen_revision(failure, typed)
        typed = {key: text for key, text in typed.items() if key != "revision"} | seen
        return _settings(request, context, name, problem_detail=failure.problem_detail, typed=typed)
    saved = Message("done.project_saved", {"name": edited.project.name})
    if edited.removed:
        removed = "project.secrets_removed"
        return _settings(request, context, edited.project.name, notice=removed, flash=saved)
    return done(context, _address(edited.project), saved)


@router.post("/projects/{name}/delete")
def remove(request: Request, context: ContextOf, session: CanManage, name: str) -> Response:
    """Remove a project without apps."""
    try:
        projects.remove(context.services, session.user.actor, name)
    except ProblemError as failure:
        return _settings(request, context, name, problem_detail=failure.problem_detail)
    return done(context, "/projects", Message("done.project_removed", {"name": name}))


@router.get("/projects/{name}/new-app")
def app_form(
    request: Request,
    context: ContextOf,
    session: CanManage,
    name: str,
    platform: ServedPlatform | None = None,
) -> Response:
    """Show the form of a new app."""
    with context.services.database.reading() as db:
        projects.get(db, name)
    return _app_form(request, context, name, platform or served()[0], None, {}, None)


@router.post("/projects/{name}/new-app")
def add_app(
    request: Request, context: ContextOf, session: CanManage, name: str, sent: SentApp
) -> Response:
    """Add an app and redirect to it."""
    typed = sent.typed
    wanted = typed.get("platform", served()[0])
    platform = served_by_name(wanted)
    if platform is None:
        raise Refused(Problem.FIELD_UNUSABLE, field="platform", detail=wanted)
    try:
        new = sent.change(platform)
        app = apps.add(context.services, session.user.actor, name, platform, new)
    except ProblemError as failure:
        return _app_form(request, context, name, platform, None, typed, failure.problem_detail)
    address = f"/apps/{quote(app.name)}"
    return done(context, address, Message("done.app_added", {"name": app.name}))


@router.get("/apps/{name}/settings")
def app_settings(request: Request, context: ContextOf, session: CanManage, name: str) -> Response:
    """Show the settings of an app."""
    app, project = _app(context, name)
    return _app_form(request, context, project, app.platform, app, form_fields(app), None)


@router.post("/apps/{name}/settings")
def edit_app(
    request: Request, context: ContextOf, session: CanManage, name: str, sent: SentApp
) -> Response:
    """Change an app; an empty credential is not changed."""
    app, project = _app(context, name)
    typed = sent.typed
    try:
        change = sent.change(app.platform, app.build.compile_settings)
        changed = apps.edit(context.services, session.user.actor, name, change)
    except ProblemError as failure:
        app, project = _app(context, name)
        typed = {
            **typed,
            "revision": str(app.revision),
            **seen_revision(failure, typed),
        }
        return _app_form(
            request, context, project, app.platform, app, typed, failure.problem_detail
        )
    address = f"/apps/{quote(changed.name)}/settings"
    return done(context, address, Message("done.app_saved", {"name": changed.name}))


@router.post("/apps/{name}/check")
def check(request: Request, context: ContextOf, session: CanManage, name: str) -> Response:
    """Check whether the platform accepts the app's credential, and show the result."""
    app, _ = _app(context, name)
    query = WorkerQuery(WorkerQueryKind.CHECK, app.name)
    problem_detail = None
    try:
        context.ask(app.label, query, seconds=_CHECK_SECONDS, max_age=0)
    except ProblemError as failure:
        problem_detail = failure.problem_detail
    address = worker_queries.outside_address(context, app.label)
    return page(request, "check.html", app=app, address=address, problem_detail=problem_detail)


@router.post("/apps/{name}/delete")
def remove_app(request: Request, context: ContextOf, session: CanManage, name: str) -> Response:
    """Remove an app; its releases are kept."""
    app, project = _app(context, name)
    try:
        apps.remove(context.services, session.user.actor, name)
    except ProblemError as failure:
        typed, problem_detail = form_fields(app), failure.problem_detail
        return _app_form(request, context, project, app.platform, app, typed, problem_detail)
    address = f"/projects/{quote(project)}"
    return done(context, address, Message("done.app_removed", {"name": app.name}))


def _list(
    request: Request,
    context: WebContext,
    *,
    problem_detail: ProblemDetail | None = None,
    typed: dict[str, str] = _NO_PROJECT,
) -> Response:
    with context.services.database.reading() as db:
        by_project = stored_apps.by_project(db)
        listed = [(one, by_project.get(one.id, [])) for one in stored.every(db)]
    status = 422 if problem_detail else 200
    return page(
        request,
        "projects.html",
        status,
        projects=listed,
        problem_detail=problem_detail,
        typed=typed,
    )


def _settings(
    request: Request,
    context: WebContext,
    name: str,
    *,
    problem_detail: ProblemDetail | None = None,
    notice: str | None = None,
    typed: dict[str, str] | None = None,
    flash: Message | None = None,
) -> Response:
    with context.services.database.reading() as db:
        project = projects.get(db, name)
        shown: dict[str, Any] = {
            "project": project,
            "apps": stored_apps.of_project(db, project.id),
            "kept": projects.kept_secrets(db, project),
            "typed": {**vars(project), **(typed or {})},
            "notice": notice,
        }
    if flash:
        shown["flash"] = flash
    return page(
        request,
        "project.html",
        422 if problem_detail else 200,
        **shown,
        problem_detail=problem_detail,
    )


def _address(project: Project) -> str:
    return f"/projects/{quote(project.name)}"


def _app(context: WebContext, name: str) -> tuple[App, str]:
    with context.services.database.reading() as db:
        app = apps.get(db, name)
        return app, stored.by_id(db, app.project_id).name


def _app_form(
    request: Request,
    context: WebContext,
    project: str,
    platform: Platform,
    app: App | None,
    typed: dict[str, str],
    problem_detail: ProblemDetail | None,
) -> Response:
    driver = driver_of(platform)
    settings = driver.settings
    with context.services.database.reading() as db:
        kept = apps.kept_credential(db, context.services, app) if app else None
    return page(
        request,
        "app_form.html",
        422 if problem_detail else 200,
        project=project,
        platform=platform,
        platforms=served(),
        presentation=driver.presentation,
        robots=driver.robots,
        has_channels=has_channels(platform),
        types=_types(driver, app),
        app=app,
        kept=kept,
        settings=settings,
        ignored=settings.ignored(app.build.compile_settings) if app else {},
        typed={"robot": "1", "node_memory": "", "label": "default", **typed},
        problem_detail=problem_detail,
    )


def _types(driver: Driver, app: App | None) -> list[ProjectType]:
    """Return the project types of a platform, and that of the app if it is another."""
    present = (app.project_type,) if app else ()
    return list(dict.fromkeys((*driver.project_types, *present)))
