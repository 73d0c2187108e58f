"""Releases for programs: ask, look, cancel, repeat, delete; their logs and QR codes."""

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from mprelease.domain.errors import Refused
from mprelease.domain.logs import Position
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, State
from mprelease.i18n import Words
from mprelease.services import apps, releases
from mprelease.storage import lists, logs
from mprelease.storage import releases as stored
from mprelease.storage.lists import Search
from mprelease.web.api.shapes import LineShape, NewRelease, ReleaseShape, moment
from mprelease.web.hall import Hall
from mprelease.web.identity import HallOf, Looker, Manager, Releaser
from mprelease.web.rendering import language

router = APIRouter(prefix="/api/v1/releases", tags=["releases"])

Number = Annotated[int, Query(ge=0, lt=2**53)]
Key = Annotated[str | None, Header(max_length=150, description="the same key, the same release")]


@router.post("", status_code=201)
def create(
    request: Request,
    hall: HallOf,
    visit: Releaser,
    wanted: NewRelease,
    idempotency_key: Key = None,
) -> ReleaseShape:
    """Accept a release as queued."""
    key = f"{visit.user.id}:api:{idempotency_key}" if idempotency_key else None
    made = releases.request(hall.house, visit.user.actor, wanted.request(key))
    return _shown(request, hall, made)


@router.get("")
def list_all(
    request: Request,
    hall: HallOf,
    visit: Looker,
    app: str | None = None,
    kind: Kind | None = None,
    state: State | None = None,
    ref: str = "",
    person: str = "",
    before: Number | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> list[ReleaseShape]:
    """List the newest releases; `before` is the number of the last one that was seen."""
    say = Words(language(request))
    with hall.house.database.reading() as db:
        app_id = apps.found(db, app).id if app else None
        search = Search(app_id, kind, state, ref, person, before, limit)
        return [ReleaseShape.of(one, say) for one in lists.found(db, search)]


@router.get("/{release_id}")
def show(request: Request, hall: HallOf, visit: Looker, release_id: int) -> ReleaseShape:
    """Show a release."""
    return _shown(request, hall, release_id)


@router.post("/{release_id}/cancel")
def cancel(request: Request, hall: HallOf, visit: Releaser, release_id: int) -> ReleaseShape:
    """Cancel a release; where it is too late, it goes on."""
    releases.cancel(hall.house, visit.user.actor, release_id)
    return _shown(request, hall, release_id)


@router.post("/{release_id}/again", status_code=201)
def again(request: Request, hall: HallOf, visit: Releaser, release_id: int) -> ReleaseShape:
    """Make the same release anew."""
    wanted = releases.again(hall.house, release_id)
    return _shown(request, hall, releases.request(hall.house, visit.user.actor, wanted))


@router.delete("/{release_id}", status_code=204)
def delete(hall: HallOf, visit: Manager, release_id: int) -> None:
    """Delete a finished release with its log."""
    releases.delete(hall.house, visit.user.actor, [release_id])


@router.get("/{release_id}/log")
def log(
    hall: HallOf,
    visit: Looker,
    release_id: int,
    attempt: Number = 0,
    line: Number = 0,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> list[LineShape]:
    """Return the lines that follow a position."""
    with hall.house.database.reading() as db:
        releases.found(db, release_id)
        lines = islice(logs.after(db, release_id, Position(attempt, line)), limit)
        return [
            LineShape(
                attempt=one.position.attempt,
                line=one.position.line,
                at=moment(one.at),
                stage=one.stage,
                text=one.text,
            )
            for one in lines
        ]


@router.get("/{release_id}/qr-code", response_class=Response)
def qr_code(hall: HallOf, visit: Looker, release_id: int) -> Response:
    """Return the image of the QR code."""
    with hall.house.database.reading() as db:
        releases.found(db, release_id)
        found = stored.qr_code(db, release_id)
    if found is None:
        raise Refused(Problem.PAGE_UNKNOWN)
    return Response(found[0], media_type=found[1])


def _shown(request: Request, hall: Hall, release_id: int) -> ReleaseShape:
    with hall.house.database.reading() as db:
        return ReleaseShape.of(releases.found(db, release_id), Words(language(request)))
