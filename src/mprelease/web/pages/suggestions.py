"""Suggestions in the forms of an app's releases, from workers: refs and new commits; its robot."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from mprelease.domain.errors import ProblemError
from mprelease.domain.releases import Commit, Kind, State
from mprelease.domain.worker_queries import WorkerQuery, WorkerQueryKind
from mprelease.services import apps
from mprelease.storage import lists, projects
from mprelease.storage.lists import Search
from mprelease.web.identity import CanRelease, ContextOf
from mprelease.web.rendering import page
from mprelease.web.robot_choice import shown_choice

router = APIRouter(prefix="/apps/{name}", include_in_schema=False)
_SECONDS = 25.0
_AGE = 30.0
_COMMITS = 30


@router.get("/refs")
def refs(request: Request, context: ContextOf, session: CanRelease, name: str) -> Response:
    """Return branches and tags as options; with a message if no worker can list them."""
    with context.services.database.reading() as db:
        app = apps.get(db, name)
        project = projects.by_id(db, app.project_id)
    query = WorkerQuery(WorkerQueryKind.REFS, project.name)
    try:
        facts = context.ask(app.label, query, seconds=_SECONDS, max_age=_AGE)
    except ProblemError as failure:
        return page(request, "refs.html", refs={}, problem_detail=failure.problem_detail)
    return page(request, "refs.html", refs=facts, problem_detail=None)


@router.get("/robot")
def robot(
    request: Request,
    context: ContextOf,
    session: CanRelease,
    name: str,
    ref: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Return the robot that a release of a ref gets if it names none, and why."""
    with context.services.database.reading() as db:
        app = apps.get(db, name)
        shown = shown_choice(db, app, session.user.actor, ref)
    return page(request, "robot_choice.html", **shown)


@router.get("/changes")
def changes(
    request: Request,
    context: ContextOf,
    session: CanRelease,
    name: str,
    ref: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Return the commits of a ref since the last upload, as a description; empty if unknown."""
    with context.services.database.reading() as db:
        app = apps.get(db, name)
        project = projects.by_id(db, app.project_id)
        last = lists.search(db, Search(app.id, Kind.UPLOAD, State.SUCCEEDED, limit=1))
    wanted = ref or project.default_branch
    query = WorkerQuery(WorkerQueryKind.COMMITS, project.name, {"ref": wanted, "count": _COMMITS})
    try:
        facts = context.ask(app.label, query, seconds=_SECONDS, max_age=_AGE)
    except ProblemError:
        return page(request, "changes.html", text="")
    text = _since(last[0].commit if last else None, facts)
    return page(request, "changes.html", text=text)


def _since(last: Commit | None, facts: Mapping[str, Any]) -> str:
    """Return the subjects of commits after the last upload's; of the newest if that is unknown."""
    commits = {commit["id"]: str(commit["subject"]) for commit in facts["commits"]}
    ids = list(commits)
    count = ids.index(last.id) if last and last.id in commits else 1
    return "\n".join(commits[each] for each in ids[:count])
