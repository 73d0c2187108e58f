"""Pages of releases: the list, and one release with its stages, QR code and operations."""

from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from mprelease.domain.errors import Refused
from mprelease.domain.node_versions import OLD_WEBPACK_NODE
from mprelease.domain.problems import Message, Problem
from mprelease.domain.releases import Kind, Release, State
from mprelease.domain.sizes import changes
from mprelease.services import finishing, releases, repetition, retention
from mprelease.storage import apps, lists, trends
from mprelease.storage import releases as stored
from mprelease.storage.database import Reader
from mprelease.storage.lists import Search
from mprelease.storage.progress import with_progress
from mprelease.web import sidebar, worker_queries
from mprelease.web.context import WebContext
from mprelease.web.flash import done
from mprelease.web.identity import CanManage, CanRelease, CanView, ContextOf
from mprelease.web.log_excerpt import excerpt
from mprelease.web.pages.codes import shown_with_code
from mprelease.web.rendering import page

# Problems whose remedy is a field of the app's settings.
_MENDED_IN_SETTINGS = frozenset(
    {
        Problem.BUILD_COMMAND_MISSING,
        Problem.BUILD_COMMAND_UNKNOWN,
        Problem.DIRECTORY_MISSING,
        Problem.HBUILDERX_PROJECT,
        Problem.KEY_REFUSED,
        Problem.KEY_UNREADABLE,
        Problem.LOGIN_REFUSED,
        Problem.NODE_OUT_OF_MEMORY,
        Problem.OLD_WEBPACK_NEW_NODE,
        Problem.OUTPUT_ELSEWHERE,
        Problem.OUTPUT_MISSING,
        Problem.OUTPUT_UNKNOWN,
        Problem.PLATFORM_APP_ID_UNKNOWN,
        Problem.TOKEN_REFUSED,
        Problem.TYPE_NOT_SERVED,
    }
)
router = APIRouter(prefix="/releases", include_in_schema=False)
_ROWS = 30


@router.get("")
def list_all(
    request: Request,
    context: ContextOf,
    session: CanView,
    app: str = "",
    kind: str = "",
    state: str = "",
    person: str = "",
    ref: str = "",
    before: int | None = None,
) -> Response:
    """List the releases of all apps, with filters and, for administrators, deletion."""
    with context.services.database.reading() as db:
        chosen = apps.by_name(db, app)
        search = Search(
            # An unknown name matches nothing.
            app_id=chosen.id if chosen else -1 if app else None,
            kind=Kind(kind) if kind in set(Kind) else None,
            state=State(state) if state in set(State) else None,
            person=person,
            ref=ref,
            before=before,
            limit=_ROWS,
        )
        found = lists.search(db, search, with_stages=False)
        shown: dict[str, Any] = {
            "rows": with_progress(db, context.services.estimates, found),
            "sidebar": sidebar.read(db),
        }
    shown |= {"search": search, "app": app, "more": len(found) == _ROWS}
    return page(request, "releases.html", **shown, is_filtered=bool(app) or search.is_filtered)


@router.post("/delete")
def delete(
    request: Request,
    context: ContextOf,
    session: CanManage,
    ids: Annotated[list[int] | None, Form()] = None,
    *,
    confirmed: Annotated[bool, Form()] = False,
) -> Response:
    """Show the selected releases for confirmation; if `confirmed`, delete them with their logs.

    If one of them is not finished, none is deleted.
    """
    if not ids:
        return done(context, "/releases", Message("done.nothing_chosen"))
    if not confirmed:
        with context.services.database.reading() as db:
            chosen = [releases.get(db, each) for each in ids]
        return page(request, "delete_releases.html", rows=chosen)
    releases.delete(context.services, session.user.actor, ids)
    named = ", ".join(f"#{each}" for each in ids)
    return done(context, "/releases", Message("done.releases_deleted", {"ids": named}))


@router.get("/{release_id}")
def show(request: Request, context: ContextOf, session: CanView, release_id: int) -> Response:
    """Show a release."""
    with context.services.database.reading() as db:
        found = releases.get(db, release_id)
        [release] = with_progress(db, context.services.estimates, [found])
        shown: dict[str, Any] = {
            **shown_with_code(request, context, db, release),
            **_sizes_before(db, release),
            "missed_steps": finishing.missed_steps(release),
            "node_to_try": _node_to_try(release),
            "excerpt": excerpt(db, release),
            "is_mended_in_settings": _is_mended_in_settings(release),
        }
    return page(request, "release.html", **shown)


@router.get("/{release_id}/qr-code")
def qr_code(request: Request, context: ContextOf, session: CanView, release_id: int) -> Response:
    """Return the image of the QR code."""
    with context.services.database.reading() as db:
        found = stored.qr_code(db, release_id)
    if found is None:
        raise Refused(Problem.PAGE_UNKNOWN)
    image, media_type = found
    # Cached, but revalidated each time, so that access is checked.
    headers = {"Cache-Control": "private, no-cache", "ETag": f'"{sha256(image).hexdigest()[:16]}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(image, media_type=media_type, headers=headers)


@router.post("/{release_id}/cancel")
def cancel(context: ContextOf, session: CanRelease, release_id: int) -> Response:
    """Cancel a queued release, or request the cancellation of a running one."""
    releases.cancel(context.services, session.user.actor, release_id)
    return _done(context, release_id, "done.release_canceled")


@router.post("/{release_id}/again")
def again(
    context: ContextOf,
    session: CanRelease,
    release_id: int,
    *,
    build_anew: Annotated[bool, Form()] = False,
) -> Response:
    """Queue a release with the same parameters as an earlier one and redirect to it."""
    wanted = repetition.again(context.services, release_id).with_(build_anew=build_anew)
    made = releases.request(context.services, session.user.actor, wanted)
    return _done(context, made, "done.release_requested")


@router.post("/{release_id}/preview")
def preview(
    context: ContextOf,
    session: CanRelease,
    release_id: int,
    key: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Queue a preview of the newest commit of a release's branch and redirect to it."""
    wanted = repetition.preview_of_branch(context.services, release_id)
    if key:
        # A second click on the same page makes no second release.
        wanted = wanted.with_(idempotency_key=f"{session.user.id}:{key}:{release_id}")
    made = releases.request(context.services, session.user.actor, wanted)
    return _done(context, made, "done.release_requested")


@router.post("/{release_id}/again-with-node")
def again_with_node(
    context: ContextOf,
    session: CanManage,
    release_id: int,
    node: Annotated[str, Form()] = OLD_WEBPACK_NODE,
) -> Response:
    """Set the app's Node, queue the same release again and redirect to it."""
    wanted = repetition.again_with_node(context.services, session.user.actor, release_id, node)
    made = releases.request(context.services, session.user.actor, wanted)
    return _done(context, made, "done.release_requested")


@router.post("/{release_id}/resolve")
def resolve(
    context: ContextOf, session: CanRelease, release_id: int, *, published: Annotated[bool, Form()]
) -> Response:
    """Decide how a release of unknown state ended."""
    releases.resolve(context.services, session.user.actor, release_id, published=published)
    return _done(context, release_id, "done.release_resolved")


@router.post("/{release_id}/keep")
def keep(
    context: ContextOf, session: CanRelease, release_id: int, *, kept: Annotated[bool, Form()]
) -> Response:
    """Set whether a cleanup leaves a release."""
    retention.keep(context.services, session.user.actor, release_id, kept=kept)
    return _done(context, release_id, "done.release_kept" if kept else "done.release_not_kept")


@router.post("/{release_id}/finish")
def finish(context: ContextOf, session: CanRelease, release_id: int) -> Response:
    """Run the missed step of an accepted upload, and wait for it."""
    worker_queries.finish(context, session, release_id)
    return _done(context, release_id, "done.release_finished")


def _done(context: WebContext, release_id: int, message: str) -> Response:
    return done(context, f"/releases/{release_id}", Message(message, {"id": release_id}))


def _sizes_before(db: Reader, release: Release) -> dict[str, Any]:
    """Return the release to compare sizes with, and the changes since then by package."""
    before = trends.measured_before(db, release) if release.sizes else None
    if before is None or before.sizes is None or release.sizes is None:
        return {"measured_before": None, "size_changes": {}}
    changed = {one.package: one for one in changes(before.sizes, release.sizes)}
    return {"measured_before": before, "size_changes": changed}


def _is_mended_in_settings(release: Release) -> bool:
    return release.error is not None and release.error.problem in _MENDED_IN_SETTINGS


def _node_to_try(release: Release) -> str | None:
    is_new = release.error and release.error.problem is Problem.OLD_WEBPACK_NEW_NODE
    return OLD_WEBPACK_NODE if is_new else None
