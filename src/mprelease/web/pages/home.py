"""The home page: what runs, the newest releases of each app as a matrix, and recent releases."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from mprelease.domain.problems import Message
from mprelease.domain.releases import Kind, State
from mprelease.platforms.registry import with_one_trial_code
from mprelease.services import favourites
from mprelease.storage import lists
from mprelease.storage.lists import Search
from mprelease.storage.progress import with_progress
from mprelease.web import matrix, sidebar
from mprelease.web.flash import done
from mprelease.web.identity import CanView, ContextOf
from mprelease.web.rendering import page

router = APIRouter(include_in_schema=False)
_RECENT = 12
_UNFINISHED = {State.QUEUED, State.RUNNING}  # shown in `running`


@router.get("/")
def show(
    request: Request,
    context: ContextOf,
    session: CanView,
    q: Annotated[str, Query(max_length=200)] = "",
    unfold: int | None = None,
) -> Response:
    """Show the home page; with `q` only the apps that it finds, with `unfold` a section opened."""
    text, user = q.strip(), session.user
    folds = matrix.folds_in(request.cookies.get(matrix.FOLDS_COOKIE, ""))
    if unfold is not None:
        folds[unfold] = True
    with context.services.database.reading() as db:
        running = with_progress(db, context.services.estimates, lists.unfinished(db))
        shown = sidebar.read(db)
        recent = [] if text else lists.search(db, Search(limit=_RECENT), with_stages=False)
        if text:
            sections, more = matrix.found(db, shown.sections, user.id, text)
        else:
            own = matrix.own_apps(db, shown.sections, user, recent)
            sections, more = matrix.matrix(db, shown.sections, own, folds), False
        uploads = [
            cell.shown.id
            for section in sections
            for row in section.rows
            if (cell := row.cells.get(Kind.UPLOAD))
        ]
        of_trial = [*uploads, *(one.id for one in recent)]
        successors = lists.successors(db, of_trial, with_one_trial_code())
    values: dict[str, Any] = {
        "running": sorted(running, key=lambda one: one.requested_by != user.name),
        "running_by_cell": matrix.by_cell(running),
        "recent": [one for one in recent if one.state not in _UNFINISHED],
        "sidebar": shown,
        "has_apps": any(section.apps for section in shown.sections),
        "sections": sections,
        "successors": successors,
        "text": text,
        "more": more,
    }
    return page(request, "home.html", **values)


@router.post("/apps/{name}/favourite")
def star(
    context: ContextOf, session: CanView, name: str, *, starred: Annotated[bool, Form()] = True
) -> Response:
    """Star an app for this user, or remove the star, and return to it on the home page."""
    app_id = favourites.star(context.services, session.user.id, name, starred=starred)
    message = "done.favourite_added" if starred else "done.favourite_removed"
    return done(context, f"/#app-{app_id}", Message(message, {"name": name}))
