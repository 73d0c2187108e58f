"""The home page: what runs, the newest QR codes of each app, and recent releases."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from mprelease.domain.problems import Message
from mprelease.domain.releases import Kind, State
from mprelease.i18n import Translator
from mprelease.platforms.registry import with_one_trial_code
from mprelease.services import apps, releases, repetition
from mprelease.storage import favourites, lists
from mprelease.storage.lists import AppSummary, CodeSummary, ProjectSection, Search
from mprelease.storage.progress import with_progress
from mprelease.web import sidebar
from mprelease.web.days import by_day
from mprelease.web.flash import done
from mprelease.web.identity import CanRelease, CanView, ContextOf
from mprelease.web.rendering import language, page

router = APIRouter(include_in_schema=False)
_RECENT = 10
_UNFINISHED = {State.QUEUED, State.RUNNING}  # shown in `running`

Codes = dict[int, dict[Kind, CodeSummary]]


@router.get("/")
def show(
    request: Request,
    context: ContextOf,
    session: CanView,
    q: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Show the home page; with `q` the apps that have this text in a name or a branch."""
    services = context.services
    t, zone = Translator(language(request)), services.timezone
    with services.database.reading() as db:
        running = with_progress(db, services.estimates, lists.unfinished(db))
        recent = lists.search(db, Search(limit=_RECENT), with_stages=False)
        shown = sidebar.read(db)
        codes = {
            app_id: {each.kind: each for each in of_app}
            for app_id, of_app in lists.newest_codes(db).items()
        }
        chosen = favourites.of_user(db, session.user.id)
        successors = lists.successors(db, [one.id for one in recent], with_one_trial_code())
    sections = _found(shown.sections, codes, q.strip().casefold())
    ended = [one for one in recent if one.state not in _UNFINISHED]
    return page(
        request,
        "home.html",
        running=running,
        days=by_day(ended, zone, services.now(), t),
        sidebar=shown,
        sections=sections,
        favourites=[app for each in sections for app in each.apps if app.id in chosen],
        chosen=chosen,
        codes=codes,
        successors=successors,
        q=q.strip(),
        start=_start(shown.sections),
    )


@router.post("/favourites")
def choose(
    context: ContextOf,
    session: CanView,
    app: Annotated[str, Form(max_length=200)],
    *,
    chosen: bool = False,
) -> Response:
    """Put an app at the top of this user's home page, or take it away from there."""
    with context.services.database.writing() as db:
        favourites.choose(db, session.user.id, apps.get(db, app).id, chosen=chosen)
    word = "done.favourite_added" if chosen else "done.favourite_removed"
    return done(context, "/", Message(word, {"app": app}))


@router.post("/previews")
def preview(
    context: ContextOf,
    session: CanRelease,
    like: Annotated[int, Form()],
    newest: int = 0,
) -> Response:
    """Queue a preview like an earlier release, of its branch's present commit, and redirect to it.

    `newest` is the app's newest release that the page has shown: a second click is no second
    release.
    """
    wanted = repetition.newest_of_branch(context.services, like)
    key = f"{session.user.id}:{like}:{newest}"
    wanted = wanted.model_copy(update={"idempotency_key": key})
    made = releases.request(context.services, session.user.actor, wanted)
    return done(context, f"/releases/{made}", Message("done.release_requested", {"id": made}))


def _start(sections: tuple[ProjectSection, ...]) -> int:
    """Return the next step of setting up: 1 a project, 2 an app, 3 a release; 4 after these."""
    members = [app for each in sections for app in each.apps]
    return 1 if not sections else 2 if not members else 3 if not any(map(_is_used, members)) else 4


def _is_used(app: AppSummary) -> bool:
    return app.newest is not None


def _found(sections: tuple[ProjectSection, ...], codes: Codes, text: str) -> list[ProjectSection]:
    """Return the sections with those of their apps that have `text` in a name or a branch."""
    if not text:
        return [each for each in sections if each.apps]
    found = (
        replace(each, apps=tuple(app for app in each.apps if text in _words(each, app, codes)))
        for each in sections
    )
    return [each for each in found if each.apps]


def _words(section: ProjectSection, app: AppSummary, codes: Codes) -> str:
    refs = (each.ref for each in codes.get(app.id, {}).values())
    return " ".join((section.name, app.name, *refs)).casefold()
