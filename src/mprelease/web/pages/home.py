"""The home page: unfinished and recent releases, and the newest QR codes."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mprelease.domain.releases import State
from mprelease.platforms.registry import with_one_trial_code
from mprelease.storage import lists
from mprelease.storage.lists import Search
from mprelease.storage.progress import with_progress
from mprelease.web import sidebar
from mprelease.web.identity import CanView, ContextOf
from mprelease.web.rendering import page

router = APIRouter(include_in_schema=False)
_RECENT = 10
_UNFINISHED = {State.QUEUED, State.RUNNING}  # shown in `running`


@router.get("/")
def show(request: Request, context: ContextOf, session: CanView) -> Response:
    """Show the home page."""
    with context.services.database.reading() as db:
        estimates = context.services.estimates
        running = with_progress(db, estimates, lists.unfinished(db))
        recent = lists.search(db, Search(limit=_RECENT), with_stages=False)
        shown = sidebar.read(db)
        codes = lists.newest_codes(db)
        successors = lists.successors(db, [one.id for one in recent], with_one_trial_code())
    return page(
        request,
        "home.html",
        running=running,
        recent=[one for one in recent if one.state not in _UNFINISHED],
        sidebar=shown,
        sections=shown.sections,
        codes=codes,
        successors=successors,
    )
