"""API of releases: create, list, cancel, repeat, resolve, keep, finish, delete; logs, QR codes."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from mprelease.domain.errors import Refused
from mprelease.domain.logs import LogLine, Position
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, State
from mprelease.i18n import Translator
from mprelease.schemas.fields import Number
from mprelease.schemas.release_document import ReleaseModel, document_of
from mprelease.schemas.releases import NewRelease, ProjectReleases, ReleaseRequest
from mprelease.services import apps, releases, repetition, retention
from mprelease.services.sessions import Session
from mprelease.storage import lists, logs
from mprelease.storage import releases as stored
from mprelease.storage.lists import Search
from mprelease.web import worker_queries
from mprelease.web.api.common_models import Listed
from mprelease.web.api.refusals import Responses, refusing
from mprelease.web.api.release_models import KeepMark, LogModel, NodeChoice, Repetition, Resolution
from mprelease.web.context import WebContext
from mprelease.web.identity import CanManage, CanRelease, CanView, ContextOf
from mprelease.web.rendering import language

router = APIRouter(prefix="/api/v1", tags=["releases"])

_LARGEST_LINE = 2**31
_LOG_CHARACTERS = 2**20
_UNUSABLE = (
    Problem.VERSION_NOT_GREATER,
    Problem.VERSION_SHAPE,
    Problem.REF_SHAPE,
    Problem.ROBOT_RANGE,
    Problem.PAGE_SHAPE,
    Problem.QUERY_SHAPE,
    Problem.SCENE_SHAPE,
    Problem.SETTING_UNKNOWN,
    Problem.SETTING_VALUE,
    Problem.PRIORITY_RANGE,
    Problem.DESCRIPTION_TOO_LONG,
)
_NO_RELEASE = refusing(Problem.RELEASE_UNKNOWN)
_IMAGES: Responses = {
    200: {"content": {"image/png": {}, "image/jpeg": {}}, "description": "the image"}
}

Key = Annotated[
    str | None,
    Header(
        pattern="^[!-~]{1,150}$",
        description="A repeated request with the same key returns the release of the first one.",
    ),
]
Searched = Annotated[str, Query(max_length=255)]
LinePart = Annotated[int, Query(ge=0, lt=_LARGEST_LINE)]


@router.post("/releases", status_code=201, responses=refusing(Problem.APP_UNKNOWN, *_UNUSABLE))
def create(
    request: Request,
    context: ContextOf,
    session: CanRelease,
    wanted: NewRelease,
    idempotency_key: Key = None,
) -> ReleaseModel:
    """Queue a release."""
    accepted = ReleaseRequest.made_of(wanted, _key(session, idempotency_key))
    release_id = releases.request(context.services, session.user.actor, accepted)
    return _shown(request, context, release_id)


@router.post(
    "/projects/{name}/releases",
    status_code=201,
    responses=refusing(
        Problem.PROJECT_UNKNOWN, Problem.PROJECT_HAS_NO_APPS, Problem.APP_UNKNOWN, *_UNUSABLE
    ),
)
def create_all(
    request: Request,
    context: ContextOf,
    session: CanRelease,
    name: str,
    wanted: ProjectReleases,
    idempotency_key: Key = None,
) -> list[ReleaseModel]:
    """Queue a release of each app of a project, of all or none."""
    accepted = ReleaseRequest.made_of(wanted, _key(session, idempotency_key))
    made = releases.request_all(context.services, session.user.actor, name, accepted, wanted.apps)
    return [_shown(request, context, one) for one in made]


@router.get("/releases", responses=refusing(Problem.APP_UNKNOWN))
def list_all(
    request: Request,
    context: ContextOf,
    session: CanView,
    app: Searched | None = None,
    kind: Kind | None = None,
    state: State | None = None,
    ref: Searched = "",
    person: Searched = "",
    text: Searched = "",
    before: Number | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Listed[ReleaseModel]:
    """List the matching releases, newest first."""
    t = Translator(language(request))
    with context.services.database.reading() as db:
        app_id = apps.get(db, app).id if app else None
        # One more than is returned, to see whether there is a next page.
        search = Search(app_id, kind, state, ref, person, before, limit + 1, text)
        found = lists.search(db, search)
        shown = found[:limit]
        codes = lists.with_codes(db, [one.id for one in shown])
    items = [document_of(one, t.of, has_qr_code=one.id in codes) for one in shown]
    return Listed(items=items, next=shown[-1].id if len(found) > limit else None)


@router.get("/releases/{release_id}", responses=_NO_RELEASE)
def show(
    request: Request, context: ContextOf, session: CanView, release_id: Number
) -> ReleaseModel:
    """Show a release."""
    return _shown(request, context, release_id)


@router.post(
    "/releases/{release_id}/cancel",
    responses=refusing(Problem.RELEASE_UNKNOWN, Problem.CANCEL_TOO_LATE),
)
def cancel(
    request: Request, context: ContextOf, session: CanRelease, release_id: Number
) -> ReleaseModel:
    """Cancel a queued release, or request the cancellation of a running one."""
    releases.cancel(context.services, session.user.actor, release_id)
    return _shown(request, context, release_id)


@router.post(
    "/releases/{release_id}/again",
    status_code=201,
    responses=refusing(Problem.RELEASE_UNKNOWN, Problem.APP_UNKNOWN),
)
def again(
    request: Request,
    context: ContextOf,
    session: CanRelease,
    release_id: Number,
    change: Repetition = Repetition(),  # noqa: B008 it is frozen
    idempotency_key: Key = None,
) -> ReleaseModel:
    """Queue a release with the same parameters as an earlier one.

    One that has succeeded is published as it was built then, if that is still stored.
    """
    key = _key(session, idempotency_key)
    wanted = repetition.again(context.services, release_id)
    wanted = wanted.with_(idempotency_key=key, build_anew=change.build_anew)
    return _shown(request, context, releases.request(context.services, session.user.actor, wanted))


@router.post(
    "/releases/{release_id}/again-with-node",
    status_code=201,
    responses=refusing(
        Problem.FORBIDDEN, Problem.RELEASE_UNKNOWN, Problem.APP_UNKNOWN, Problem.NODE_SHAPE
    ),
)
def again_with_node(
    request: Request,
    context: ContextOf,
    session: CanManage,
    release_id: Number,
    choice: NodeChoice,
    idempotency_key: Key = None,
) -> ReleaseModel:
    """Set the app's Node, and queue the same release again."""
    who, key = session.user.actor, _key(session, idempotency_key)
    wanted = repetition.again_with_node(context.services, who, release_id, choice.node)
    made = releases.request(context.services, who, wanted.with_(idempotency_key=key))
    return _shown(request, context, made)


@router.post(
    "/releases/{release_id}/resolve",
    responses=refusing(Problem.RELEASE_UNKNOWN, Problem.RELEASE_NOT_UNKNOWN),
)
def resolve(
    request: Request, context: ContextOf, session: CanRelease, release_id: Number, end: Resolution
) -> ReleaseModel:
    """Decide how a release of unknown state ended."""
    releases.resolve(context.services, session.user.actor, release_id, published=end.published)
    return _shown(request, context, release_id)


@router.put("/releases/{release_id}/kept", responses=_NO_RELEASE)
def keep(
    request: Request, context: ContextOf, session: CanRelease, release_id: Number, mark: KeepMark
) -> ReleaseModel:
    """Set whether a cleanup leaves a release, its log and its QR code."""
    retention.keep(context.services, session.user.actor, release_id, kept=mark.kept)
    return _shown(request, context, release_id)


@router.post(
    "/releases/{release_id}/finish",
    responses=refusing(
        Problem.RELEASE_UNKNOWN,
        Problem.APP_UNKNOWN,
        Problem.RELEASE_NOT_UPLOADED,
        Problem.NOTHING_TO_FINISH,
        Problem.NO_WORKER,
        Problem.NO_ANSWER,
        Problem.TOO_MANY_QUERIES,
        Problem.PLATFORM_REFUSED,
        Problem.PLATFORM_UNREACHABLE,
    ),
)
def finish(
    request: Request, context: ContextOf, session: CanRelease, release_id: Number
) -> ReleaseModel:
    """Run the missed step of an accepted upload, and wait for it."""
    worker_queries.finish(context, session, release_id)
    return _shown(request, context, release_id)


@router.delete(
    "/releases/{release_id}",
    status_code=204,
    responses=refusing(Problem.RELEASE_UNKNOWN, Problem.RELEASE_UNFINISHED),
)
def delete(context: ContextOf, session: CanManage, release_id: Number) -> None:
    """Delete a finished release with its log and its QR code."""
    releases.delete(context.services, session.user.actor, [release_id])


@router.get("/releases/{release_id}/log", responses=_NO_RELEASE)
def log(
    context: ContextOf,
    session: CanView,
    release_id: Number,
    attempt: LinePart = 0,
    line: LinePart = 0,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> LogModel:
    """Return the lines after a position: at most `limit`, of about 1 MiB together."""
    position = Position(attempt, line)
    with context.services.database.reading() as db:
        # Read before the lines: the final state and the last lines are committed together.
        release = releases.get(db, release_id)
        following = logs.after(db, release_id, position)
        lines = list(_limited(following, limit))
        is_over = release.state.is_final and next(following, None) is None
    return LogModel.of(lines, position, is_over=is_over)


@router.get(
    "/releases/{release_id}/qr-code",
    response_class=Response,
    responses={**_IMAGES, **refusing(Problem.RELEASE_UNKNOWN, Problem.NO_QR_CODE)},
)
def qr_code(context: ContextOf, session: CanView, release_id: Number) -> Response:
    """Return the image of the QR code."""
    with context.services.database.reading() as db:
        releases.get(db, release_id)
        found = stored.qr_code(db, release_id)
    if found is None:
        raise Refused(Problem.NO_QR_CODE, release=release_id)
    return Response(found[0], media_type=found[1])


def _limited(lines: Iterator[LogLine], limit: int) -> Iterator[LogLine]:
    """Yield at most `limit` lines, and none after 1 Mi characters were reached."""
    characters = 0
    for line in islice(lines, limit):
        yield line
        characters += len(line.text)
        if characters >= _LOG_CHARACTERS:
            return


def _key(session: Session, given: str | None) -> str | None:
    return f"{session.user.id}:api:{given}" if given else None


def _shown(request: Request, context: WebContext, release_id: int) -> ReleaseModel:
    with context.services.database.reading() as db:
        release = releases.get(db, release_id)
        codes = lists.with_codes(db, [release_id])
    spell = Translator(language(request)).of
    return document_of(release, spell, has_qr_code=release.id in codes)
