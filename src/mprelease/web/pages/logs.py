"""The log of a release: its lines for the page's script, and the whole of it as text."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response, StreamingResponse

from mprelease.domain.logs import Passage, Position
from mprelease.services import releases
from mprelease.storage import logs
from mprelease.web.hall import Hall
from mprelease.web.identity import HallOf, Looker

router = APIRouter(prefix="/releases", include_in_schema=False)

Number = Annotated[int, Query(ge=0, lt=2**31)]
# An answer ends with the passage that reaches one of them.
_LINES = 10_000
_CHARACTERS = 4 * 2**20


@router.get("/{release_id}/lines")
def lines(
    hall: HallOf, visit: Looker, release_id: int, attempt: Number = 0, line: Number = 0
) -> Response:
    """Return the lines behind a position; whether more are there, and whether more may come."""
    with hall.house.database.reading() as db:
        # Before its lines: the end of a release and its last line are written together.
        release = releases.found(db, release_id)
        told = logs.passages(db, release_id, Position(attempt, line))
        passages = list(_enough(told))
        has_more = next(told, None) is not None
    answer = {
        "passages": [_listed(passage) for passage in passages],
        "attempt": release.attempt,
        "took": {
            stage.name: stage.ended_at - stage.started_at
            for stage in release.stages
            if stage.started_at and stage.ended_at
        },
        "more": has_more,
        "over": release.state.is_final and not has_more,
    }
    return JSONResponse(answer)


@router.get("/{release_id}/log.txt")
def raw(hall: HallOf, visit: Looker, release_id: int) -> Response:
    """Return the whole log as text, as it was written."""
    with hall.house.database.reading() as db:
        releases.found(db, release_id)
    headers = {"Content-Disposition": f"inline; filename=release-{release_id}.log"}
    return StreamingResponse(_text(hall, release_id), headers=headers, media_type="text/plain")


def _enough(told: Iterator[Passage]) -> Iterator[Passage]:
    lines = characters = 0
    for passage in told:
        yield passage
        lines += len(passage.entries)
        characters += sum(len(text) for _, text in passage.entries)
        if lines >= _LINES or characters >= _CHARACTERS:
            return


def _listed(passage: Passage) -> tuple[int, int, str, list[str]]:
    first = passage.first
    return first.attempt, first.line, passage.stage, [text for _, text in passage.entries]


def _text(hall: Hall, release_id: int) -> Iterator[str]:
    with hall.house.database.reading() as db:
        for passage in logs.passages(db, release_id):
            yield "".join(f"{text}\n" for _, text in passage.entries)
