"""Releases for programs: ask, look, cancel, repeat, decide, finish, delete; logs and QR codes."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from mprelease.domain.errors import Refused
from mprelease.domain.logs import LogLine, Position
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, State
from mprelease.i18n import Words
from mprelease.services import apps, releases
from mprelease.services.door import Visit
from mprelease.storage import lists, logs
from mprelease.storage import releases as stored
from mprelease.storage.lists import Search
from mprelease.web import asking
from mprelease.web.api.refusals import Responses, refusing
from mprelease.web.api.release_shapes import (
    LogShape,
    NewRelease,
    ProjectReleases,
    ReleaseShape,
    Resolution,
)
from mprelease.web.api.shapes import Listed, Number
from mprelease.web.hall import Hall
from mprelease.web.identity import HallOf, Looker, Manager, Releaser
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
    hall: HallOf,
    visit: Releaser,
    wanted: NewRelease,
    idempotency_key: Key = None,
) -> ReleaseShape:
    """Accept a release as queued."""
    asked = wanted.request(_key(visit, idempotency_key), wanted.app)
    made = releases.request(hall.house, visit.user.actor, asked)
    return _shown(request, hall, made)


@router.post(
    "/projects/{name}/releases",
    status_code=201,
    responses=refusing(
        Problem.PROJECT_UNKNOWN, Problem.PROJECT_HAS_NO_APPS, Problem.APP_UNKNOWN, *_UNUSABLE
    ),
)
def create_all(
    request: Request,
    hall: HallOf,
    visit: Releaser,
    name: str,
    wanted: ProjectReleases,
    idempotency_key: Key = None,
) -> list[ReleaseShape]:
    """Accept a release for each app of a project, all of them or none."""
    asked = wanted.request(_key(visit, idempotency_key))
    made = releases.request_all(hall.house, visit.user.actor, name, asked, wanted.apps)
    return [_shown(request, hall, one) for one in made]


@router.get("/releases", responses=refusing(Problem.APP_UNKNOWN))
def list_all(
    request: Request,
    hall: HallOf,
    visit: Looker,
    app: Searched | None = None,
    kind: Kind | None = None,
    state: State | None = None,
    ref: Searched = "",
    person: Searched = "",
    before: Number | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Listed[ReleaseShape]:
    """List the newest releases that match, newest first."""
    say = Words(language(request))
    with hall.house.database.reading() as db:
        app_id = apps.found(db, app).id if app else None
        # One more than is shown, to know whether there is more.
        search = Search(app_id, kind, state, ref, person, before, limit + 1)
        found = lists.found(db, search)
        shown = found[:limit]
        codes = lists.with_codes(db, [one.id for one in shown])
    items = [ReleaseShape.of(one, codes, say) for one in shown]
    return Listed(items=items, next=shown[-1].id if len(found) > limit else None)


@router.get("/releases/{release_id}", responses=_NO_RELEASE)
def show(request: Request, hall: HallOf, visit: Looker, release_id: Number) -> ReleaseShape:
    """Show a release."""
    return _shown(request, hall, release_id)


@router.post(
    "/releases/{release_id}/cancel",
    responses=refusing(Problem.RELEASE_UNKNOWN, Problem.CANCEL_TOO_LATE),
)
def cancel(request: Request, hall: HallOf, visit: Releaser, release_id: Number) -> ReleaseShape:
    """Cancel a release, or ask a running one to end."""
    releases.cancel(hall.house, visit.user.actor, release_id)
    return _shown(request, hall, release_id)


@router.post(
    "/releases/{release_id}/again",
    status_code=201,
    responses=refusing(Problem.RELEASE_UNKNOWN, Problem.APP_UNKNOWN),
)
def again(
    request: Request,
    hall: HallOf,
    visit: Releaser,
    release_id: Number,
    idempotency_key: Key = None,
) -> ReleaseShape:
    """Make the same release anew."""
    key = _key(visit, idempotency_key)
    wanted = replace(releases.again(hall.house, release_id), idempotency_key=key)
    return _shown(request, hall, releases.request(hall.house, visit.user.actor, wanted))


@router.post(
    "/releases/{release_id}/resolve",
    responses=refusing(Problem.RELEASE_UNKNOWN, Problem.RELEASE_NOT_UNKNOWN),
)
def resolve(
    request: Request, hall: HallOf, visit: Releaser, release_id: Number, end: Resolution
) -> ReleaseShape:
    """Say how a release ended of which nobody knows."""
    releases.resolve(hall.house, visit.user.actor, release_id, published=end.published)
    return _shown(request, hall, release_id)


@router.post(
    "/releases/{release_id}/finish",
    responses=refusing(
        Problem.RELEASE_UNKNOWN,
        Problem.APP_UNKNOWN,
        Problem.RELEASE_NOT_UPLOADED,
        Problem.NOTHING_TO_FINISH,
        Problem.NO_WORKER,
        Problem.NO_ANSWER,
        Problem.PLATFORM_REFUSED,
        Problem.PLATFORM_UNREACHABLE,
    ),
)
def finish(request: Request, hall: HallOf, visit: Releaser, release_id: Number) -> ReleaseShape:
    """Do the step that an accepted upload has missed, and wait for it."""
    asking.finish(hall, visit, release_id)
    return _shown(request, hall, release_id)


@router.delete(
    "/releases/{release_id}",
    status_code=204,
    responses=refusing(Problem.RELEASE_UNKNOWN, Problem.RELEASE_UNFINISHED),
)
def delete(hall: HallOf, visit: Manager, release_id: Number) -> None:
    """Delete a finished release with its log and its QR code."""
    releases.delete(hall.house, visit.user.actor, [release_id])


@router.get("/releases/{release_id}/log", responses=_NO_RELEASE)
def log(
    hall: HallOf,
    visit: Looker,
    release_id: Number,
    attempt: LinePart = 0,
    line: LinePart = 0,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> LogShape:
    """Return the lines that follow a position: at most so many, of about a MiB together."""
    asked = Position(attempt, line)
    with hall.house.database.reading() as db:
        # Before its lines: the end of a release and its last line are written together.
        release = releases.found(db, release_id)
        following = logs.after(db, release_id, asked)
        lines = list(_at_once(following, limit))
        is_over = release.state.is_final and next(following, None) is None
    return LogShape.of(lines, asked, is_over=is_over)


@router.get(
    "/releases/{release_id}/qr-code",
    response_class=Response,
    responses={**_IMAGES, **refusing(Problem.RELEASE_UNKNOWN, Problem.NO_QR_CODE)},
)
def qr_code(hall: HallOf, visit: Looker, release_id: Number) -> Response:
    """Return the image of the QR code."""
    with hall.house.database.reading() as db:
        releases.found(db, release_id)
        found = stored.qr_code(db, release_id)
    if found is None:
        raise Refused(Problem.NO_QR_CODE, release=release_id)
    return Response(found[0], media_type=found[1])


def _at_once(lines: Iterator[LogLine], limit: int) -> Iterator[LogLine]:
    """Yield lines up to a number, or up to the one that makes them long."""
    characters = 0
    for line in islice(lines, limit):
        yield line
        characters += len(line.text)
        if characters >= _LOG_CHARACTERS:
            return


def _key(visit: Visit, given: str | None) -> str | None:
    return f"{visit.user.id}:api:{given}" if given else None


def _shown(request: Request, hall: Hall, release_id: int) -> ReleaseShape:
    with hall.house.database.reading() as db:
        release = releases.found(db, release_id)
        codes = lists.with_codes(db, [release_id])
    return ReleaseShape.of(release, codes, Words(language(request)))
