"""Pages of an app: its releases, newest first, and the forms of a new preview or upload."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, tzinfo
from secrets import token_hex
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from mprelease.domain.apps import Environment
from mprelease.domain.errors import ProblemError
from mprelease.domain.problems import Message, Problem, ProblemDetail
from mprelease.domain.releases import Kind, LaunchOptions, Release, State
from mprelease.i18n import Translator
from mprelease.platforms.registry import driver_of, with_one_trial_code
from mprelease.schemas.apps import App
from mprelease.schemas.releases import ReleaseFields, ReleaseRequest
from mprelease.services import apps, board, releases
from mprelease.services.sessions import Session
from mprelease.source.repository import host_of
from mprelease.storage import lists, projects
from mprelease.storage import releases as stored
from mprelease.storage.database import Reader
from mprelease.storage.lists import Search
from mprelease.storage.progress import with_progress
from mprelease.web import ref_choices
from mprelease.web.context import WebContext
from mprelease.web.days import by_day, day_of
from mprelease.web.flash import done
from mprelease.web.identity import CanRelease, CanView, ContextOf
from mprelease.web.rendering import language, page
from mprelease.web.robot_choice import shown_choice
from mprelease.web.sent_form import SentForm

router = APIRouter(prefix="/apps/{name}", include_in_schema=False)
_ROWS = 30
_FIELD_OF = {
    Problem.REF_SHAPE: "ref",
    Problem.VERSION_NOT_GREATER: "version",
    Problem.VERSION_SHAPE: "version",
    Problem.PAGE_SHAPE: "start_page",
    Problem.QUERY_SHAPE: "query",
    Problem.SCENE_SHAPE: "scene",
    Problem.DESCRIPTION_TOO_LONG: "description",
}
_SHOWN_FIELDS = {*_FIELD_OF.values()}
_NOTHING_TYPED = dict.fromkeys((*ReleaseFields.model_fields, "suggested", "named_ref", "key"), "")

Word = Annotated[str, Query(max_length=200)]


@router.get("")
def show(
    request: Request,
    context: ContextOf,
    session: CanView,
    name: str,
    kind: Word = "",
    state: Word = "",
    ref: Word = "",
    person: Word = "",
    q: Word = "",
    before: int | None = None,
) -> Response:
    """Show an app's releases by day; htmx loads older ones with `before`, and a filtered list."""
    t, zone = Translator(language(request)), context.services.timezone
    is_whole = "hx-request" not in request.headers
    with context.services.database.reading() as db:
        app = apps.get(db, name)
        search = Search(
            app_id=app.id,
            kind=Kind(kind) if kind in set(Kind) else None,
            state=State(state) if state in set(State) else None,
            ref=ref,
            person=person,
            before=before,
            limit=_ROWS,
            text=q.strip(),
        )
        found = lists.search(db, search, with_stages=False)
        rows = with_progress(db, context.services.estimates, found)
        one_trial_code = with_one_trial_code()
        shown: dict[str, Any] = {
            "app": app,
            "days": by_day(rows, zone, context.services.now(), t),
            "successors": lists.successors(db, [one.id for one in found], one_trial_code),
            "trial_code": lists.trial_code(db, app.id) if app.platform in one_trial_code else None,
            "boards": board.boards(db, [app]) if is_whole else [],
            "continued": _day_before(db, before, zone),
            "search": search,
            "is_filtered": search.is_filtered,
            "more": len(found) == _ROWS,
            "last": found[-1].id if found else None,
        }
    if is_whole:
        return page(request, "app.html", **shown | {"continued": None})
    return page(request, "older.html" if before is not None else "app_releases.html", **shown)


@router.get("/{kind}")
def form(
    request: Request,
    context: ContextOf,
    session: CanRelease,
    name: str,
    kind: Kind,
    ref: Word = "",
    ref_name: Word = "",
) -> Response:
    """Show the form of a preview or upload, with the values of this user's last one."""
    with context.services.database.reading() as db:
        app = apps.get(db, name)
        last = _last(db, session, app, kind)
        typed = _typed(db, app, last, ref)
        typed |= {"ref_name": ref_name, "named_ref": ref if ref_name else ""}
        if kind is Kind.UPLOAD:
            typed |= dict.fromkeys(("version", "suggested"), _suggested(db, context, app))
        beside = _beside(db, context, session, app, kind, typed)
    settings = last.compile_settings if last else {}
    return _form(request, app, kind, typed, settings, beside, None)


@router.post("/{kind}")
def release(
    request: Request,
    context: ContextOf,
    session: CanRelease,
    name: str,
    kind: Kind,
    sent: Annotated[SentForm, Form()],
) -> Response:
    """Queue a release and redirect to it; on a refusal show the form with the values again.

    A ref that the repository does not have is refused, unless `forced_ref` names it.
    """
    switches = sent.several("switches")
    # Browsers send nothing for an unchecked box, so the form also sends the names of all boxes.
    settings = {name: name in switches for name in sent.several("shown_switches")}
    with context.services.database.reading() as db:
        app = apps.get(db, name)
    refusal: ProblemDetail | None = None
    ref = sent.typed.get("ref", "").strip()
    is_unknown = ref != sent.typed.get("forced_ref") and ref_choices.is_unknown(context, app, ref)
    if not is_unknown:
        try:
            release_id = _requested(context, session, name, kind, sent.typed, settings)
        except ProblemError as failure:
            refusal = failure.problem_detail
    if is_unknown or refusal:
        typed = _NOTHING_TYPED | sent.typed
        with context.services.database.reading() as db:
            beside = _beside(db, context, session, app, kind, typed)
        beside["unknown_ref"] = ref if is_unknown else None
        return _form(request, app, kind, typed, settings, beside, refusal)
    address = f"/releases/{release_id}"
    return done(context, address, Message("done.release_requested", {"id": release_id}))


def _day_before(db: Reader, before: int | None, zone: tzinfo) -> date | None:
    """Return the day of the release that the rows before end with."""
    last = None if before is None else stored.by_id(db, before)
    return day_of(last.created_at, zone) if last else None


def _requested(
    context: WebContext,
    session: Session,
    name: str,
    kind: Kind,
    typed: dict[str, str],
    settings: dict[str, bool],
) -> int:
    typed = {field: text.strip() for field, text in typed.items() if text.strip()}
    special: dict[str, str | None] = {
        # A suggested version may be taken meanwhile: left out, the service chooses the next one.
        "version": typed.get("version") if typed.get("version") != typed.get("suggested") else None,
        # If another ref was typed, the former branch or tag does not apply.
        "ref_name": typed.get("ref_name") if typed.get("ref") == typed.get("named_ref") else None,
        # A form that is sent twice makes one release.
        "idempotency_key": f"{session.user.id}:{typed['key']}" if "key" in typed else None,
    }
    wanted = ReleaseRequest.of_form(
        typed, app=name, kind=kind, compile_settings=settings, **special
    )
    return releases.request(context.services, session.user.actor, wanted)


def _form(
    request: Request,
    app: App,
    kind: Kind,
    typed: dict[str, str],
    settings: Mapping[str, object],
    beside: dict[str, Any],
    problem_detail: ProblemDetail | None,
) -> Response:
    is_upload = kind is Kind.UPLOAD
    driver = driver_of(app.platform)
    effective = {**app.build.compile_settings, **settings}
    shown: dict[str, Any] = {
        "app": app,
        "kind": kind,
        "typed": typed,
        "switches": [
            (each, effective.get(each.setting, each.default))
            for each in (driver.presentation.upload_switches if is_upload else ())
        ],
        "problem_detail": problem_detail,
        "wrong_field": _wrong_field(problem_detail),
        **beside,
    }
    is_refused = problem_detail or beside["unknown_ref"]
    return page(request, "release_form.html", 422 if is_refused else 200, **shown)


def _beside(
    db: Reader,
    context: WebContext,
    session: Session,
    app: App,
    kind: Kind,
    typed: Mapping[str, str],
) -> dict[str, Any]:
    """Return what stands beside the fields: robots, suggestions, and how long it usually takes."""
    own = Search(app_id=app.id, person=session.user.name, limit=_ROWS)
    of_app = lists.search(db, replace(own, person=""), with_stages=False)
    pages = (one.launch.start_page for one in of_app)
    environment = typed["environment"] or Environment.PRODUCTION
    return {
        **shown_choice(db, app, session.user.actor, typed["ref"]),
        "recent_refs": ref_choices.recent_of(lists.search(db, own, with_stages=False)),
        "start_pages": list(dict.fromkeys(page for page in (*pages, app.start_page) if page)),
        "usual": context.services.estimates.usual(db, app.id, kind, environment),
        "host": host_of(projects.by_id(db, app.project_id).repository),
        "unknown_ref": None,
    }


def _wrong_field(problem_detail: ProblemDetail | None) -> str | None:
    """Return the field that a problem is about; None if it is about none of the form's."""
    if problem_detail is None:
        return None
    if problem_detail.problem is Problem.FIELD_UNUSABLE:
        field = str(problem_detail.parameters["field"])
        return field if field in _SHOWN_FIELDS else None
    return _FIELD_OF.get(problem_detail.problem)


def _suggested(db: Reader, context: WebContext, app: App) -> str:
    return releases.next_version(db, context.services, app)


def _last(db: Reader, session: Session, app: App, kind: Kind) -> Release | None:
    search = Search(app_id=app.id, kind=kind, person=session.user.name, limit=1)
    return next(iter(lists.search(db, search, with_stages=False)), None)


def _typed(db: Reader, app: App, last: Release | None, ref: str) -> dict[str, str]:
    default = projects.by_id(db, app.project_id).default_branch
    launch = last.launch if last else LaunchOptions(app.start_page)
    return _NOTHING_TYPED | {
        "ref": ref or (last.shown_ref if last else default),
        "environment": last.environment if last else Environment.PRODUCTION,
        "start_page": launch.start_page or "",
        "query": launch.query or "",
        "scene": "" if launch.scene is None else str(launch.scene),
        "key": token_hex(8),
    }
