"""Suggestions in the forms of an app's releases, from workers: refs and new commits; its robot."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from mprelease.domain.errors import ProblemError
from mprelease.domain.releases import Commit, Kind, State
from mprelease.domain.worker_queries import WorkerQuery, WorkerQueryKind
from mprelease.services import apps
from mprelease.storage import lists, projects
from mprelease.storage.lists import Search
from mprelease.web import ref_choices
from mprelease.web.identity import CanRelease, ContextOf
from mprelease.web.rendering import page
from mprelease.web.robot_choice import shown_choice

router = APIRouter(prefix="/apps/{name}", include_in_schema=False)
_SECONDS = 25.0
_AGE = 30.0
_COMMITS = 30
_OWN = 30


@router.get("/refs")
def refs(
    request: Request,
    context: ContextOf,
    session: CanRelease,
    name: str,
    q: Annotated[str, Query(max_length=200)] = "",
    *,
    box: bool = False,
) -> Response:
    """Return branches and tags as options; with a message if no worker can list them.

    With `box` they are grouped, with their newest commits, and those that match `q`.
    """
    with context.services.database.reading() as db:
        app = apps.get(db, name)
        mine = Search(app_id=app.id, person=session.user.name, limit=_OWN)
        own = lists.search(db, mine, with_stages=False)
    facts: Mapping[str, Any] = {}
    problem_detail = None
    try:
        facts = ref_choices.listed(context, app)
    except ProblemError as failure:
        problem_detail = failure.problem_detail
    shown: dict[str, Any] = {"refs": facts, "problem_detail": problem_detail}
    if not box:
        return page(request, "refs.html", **shown)
    found = ref_choices.choices(facts, own, q.strip())
    return page(request, "ref_list.html", **shown, choices=found)


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
    robot: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Return the commits of a ref since the last upload of a robot, for the description.

    Without `robot` it is the one that the release would get. Empty if the commits are unknown.
    """
    with context.services.database.reading() as db:
        app = apps.get(db, name)
        project = projects.by_id(db, app.project_id)
        choice = shown_choice(db, app, session.user.actor, ref)["choice"]
        number = int(robot) if robot.isdecimal() else choice.robot if choice else None
        uploads = Search(app.id, Kind.UPLOAD, State.SUCCEEDED, limit=1)
        last = lists.search(db, replace(uploads, robot=number))
    wanted = ref or project.default_branch
    query = WorkerQuery(WorkerQueryKind.COMMITS, project.name, {"ref": wanted, "count": _COMMITS})
    try:
        facts = context.ask(app.label, query, seconds=_SECONDS, max_age=_AGE)
    except ProblemError:
        return page(request, "changes.html", commits=[], last=None)
    shown = _since(last[0].commit if last else None, facts)
    return page(request, "changes.html", commits=shown, last=last[0] if last else None)


def _since(last: Commit | None, facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the commits after the last upload's; the newest one if that is unknown."""
    commits: list[Mapping[str, Any]] = facts["commits"]
    ids = [commit["id"] for commit in commits]
    count = ids.index(last.id) if last and last.id in ids else 1
    return commits[:count]
