"""The log of a release: its lines for the page's script, and the whole of it as text."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response, StreamingResponse

from mprelease.domain.logs import START, Position
from mprelease.services import releases
from mprelease.web.hall import Hall
from mprelease.web.identity import HallOf, Looker
from mprelease.web.telling import StoredForWatchers, log_in_json

router = APIRouter(prefix="/releases", include_in_schema=False)

Number = Annotated[int, Query(ge=0, lt=2**31)]


@router.get("/{release_id}/lines")
def lines(
    hall: HallOf, visit: Looker, release_id: int, attempt: Number = 0, line: Number = 0
) -> Response:
    """Return the lines behind a position; whether more are there, and whether more may come."""
    told = StoredForWatchers(hall.house).after(release_id, Position(attempt, line))
    return JSONResponse(log_in_json(told))


@router.get("/{release_id}/log.txt")
def raw(hall: HallOf, visit: Looker, release_id: int) -> Response:
    """Return the whole log as text, as it was written."""
    with hall.house.database.reading() as db:
        releases.found(db, release_id)
    headers = {"Content-Disposition": f"inline; filename=release-{release_id}.log"}
    return StreamingResponse(_text(hall, release_id), headers=headers, media_type="text/plain")


def _text(hall: Hall, release_id: int) -> Iterator[str]:
    """Yield the log in pieces; between them, while somebody reads slowly, no query is open."""
    stored, position = StoredForWatchers(hall.house), START
    while True:
        told = stored.after(release_id, position)
        for passage in told.passages:
            yield "".join(f"{text}\n" for _, text in passage.entries)
        if not told.more:
            return
        position = told.end(position)
