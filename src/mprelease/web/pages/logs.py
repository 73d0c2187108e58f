"""The log of a release: lines as JSON for the page's script, and the whole log as text."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response, StreamingResponse

from mprelease.domain.logs import START, Position
from mprelease.services import releases
from mprelease.web.context import WebContext
from mprelease.web.identity import CanView, ContextOf
from mprelease.web.live_source import StoredState, log_in_json
from mprelease.web.log_excerpt import without_escapes

router = APIRouter(prefix="/releases", include_in_schema=False)

Number = Annotated[int, Query(ge=0, lt=2**31)]


@router.get("/{release_id}/lines")
def lines(
    context: ContextOf, session: CanView, release_id: int, attempt: Number = 0, line: Number = 0
) -> Response:
    """Return the lines after a position, and whether more are stored or may follow."""
    update = StoredState(context.services).after(release_id, Position(attempt, line))
    return JSONResponse(log_in_json(update))


@router.get("/{release_id}/log.txt")
def raw(context: ContextOf, session: CanView, release_id: int) -> Response:
    """Return the whole log as plain text."""
    with context.services.database.reading() as db:
        releases.get(db, release_id)
    headers = {"Content-Disposition": f"inline; filename=release-{release_id}.log"}
    return StreamingResponse(_text(context, release_id), headers=headers, media_type="text/plain")


def _text(context: WebContext, release_id: int) -> Iterator[str]:
    """Yield the log in parts; no transaction is open while a slow client reads one."""
    stored, position = StoredState(context.services), START
    while True:
        update = stored.after(release_id, position)
        for passage in update.passages:
            yield "".join(f"{without_escapes(text)}\n" for _, text in passage.entries)
        if not update.more:
            return
        position = update.end(position)
