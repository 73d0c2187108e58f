"""Pages of an app beside its releases: trends, and what people did."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mprelease.domain.platforms import SizeLimits
from mprelease.domain.sizes import budgets_in
from mprelease.i18n import Translator
from mprelease.i18n.quantities import duration, size
from mprelease.platforms.registry import driver_of, served
from mprelease.services import apps
from mprelease.storage import audit, trends
from mprelease.web.identity import CanView, ContextOf
from mprelease.web.rendering import language, page
from mprelease.web.trends import trends_of

router = APIRouter(prefix="/apps/{name}", include_in_schema=False)
_ENDED = 200
_ENTRIES = 50


@router.get("/trends")
def show_trends(request: Request, context: ContextOf, session: CanView, name: str) -> Response:
    """Show sizes, durations and the success of an app's newest releases."""
    with context.services.database.reading() as db:
        app = apps.get(db, name)
        ended = trends.ended(db, app.id, _ENDED)
    is_served = app.platform in served()
    limits = driver_of(app.platform).size_limits() if is_served else SizeLimits(None, None, None)
    found = trends_of(ended, limits, budgets_in(app.size_budgets), Translator(language(request)))
    return page(request, "trends.html", app=app, trends=found, size=size, duration=duration)


@router.get("/activity")
def show_activity(
    request: Request, context: ContextOf, session: CanView, name: str, before: int | None = None
) -> Response:
    """Show the audit entries of an app, newest first; their details only to administrators."""
    with context.services.database.reading() as db:
        app = apps.get(db, name)
        entries = audit.newest(db, before, _ENTRIES, app.id)
    more = len(entries) == _ENTRIES
    return page(request, "activity.html", app=app, entries=entries, more=more)
