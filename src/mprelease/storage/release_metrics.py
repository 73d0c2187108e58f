"""Queries for metrics of releases; none of them reads releases that ended long ago.

Values stay strings: a row may have the kind or platform of a newer version.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import ColumnElement, func, select

from mprelease.domain.releases import State
from mprelease.storage.clock import now_ms
from mprelease.storage.database import Reader
from mprelease.storage.tables import apps, releases, stages

_OPEN = (State.QUEUED, State.RUNNING, State.UNKNOWN)
_IDS_PER_QUERY = 500
# Every release has an app. With an inner join MariaDB reads a small table of apps first, and then
# all releases of each.
_WITH_APP = releases.outerjoin(apps)


@dataclass(frozen=True)
class OpenRelease:
    """A release that has not ended; `waiting_ms` since its request."""

    id: int
    state: str
    kind: str
    platform: str
    label: str
    waiting_ms: int


@dataclass(frozen=True)
class StageDuration:
    """How long a stage took; `is_cached` if it had nothing to do."""

    name: str
    milliseconds: int
    is_cached: bool


@dataclass(frozen=True)
class EndedRelease:
    """A release that has ended; a duration is None if it did not start."""

    id: int
    state: str
    kind: str
    platform: str
    waited_ms: int | None
    ran_ms: int | None
    stages: tuple[StageDuration, ...]


def newest_id(db: Reader) -> int:
    """Return the greatest id of a release; 0 if there is none."""
    return db.connection.scalar(select(func.max(releases.c.id))) or 0


def open_releases(db: Reader) -> list[OpenRelease]:
    """List the releases that are queued or running, or whose result is unknown."""
    query = (
        select(
            releases.c.id,
            releases.c.state,
            releases.c.kind,
            apps.c.platform,
            releases.c.label,
            (now_ms() - releases.c.created_at).label("waiting_ms"),
        )
        .select_from(_WITH_APP)
        .where(releases.c.state.in_(_OPEN))
    )
    return [OpenRelease(**row._mapping) for row in db.connection.execute(query)]  # noqa: SLF001


def ended_releases(
    db: Reader, ids: Collection[int], after: int, until: int
) -> Iterator[EndedRelease]:
    """Yield the ended ones of some releases, and of those with after < id <= until."""
    yield from _ended(db, (releases.c.id > after) & (releases.c.id <= until))
    rest = iter(sorted(each for each in ids if each <= after))
    while some := list(islice(rest, _IDS_PER_QUERY)):
        yield from _ended(db, releases.c.id.in_(some))


def _ended(db: Reader, condition: ColumnElement[bool]) -> Iterator[EndedRelease]:
    query = (
        select(
            releases.c.id,
            releases.c.state,
            releases.c.kind,
            apps.c.platform,
            (releases.c.started_at - releases.c.created_at).label("waited_ms"),
            (releases.c.ended_at - releases.c.started_at).label("ran_ms"),
        )
        .select_from(_WITH_APP)
        .where(condition, releases.c.state.not_in(_OPEN))
    )
    rows = iter(db.connection.execute(query).all())
    while some := list(islice(rows, _IDS_PER_QUERY)):
        durations = _durations(db, [row.id for row in some])
        for row in some:
            of_release = tuple(durations.get(row.id, ()))
            yield EndedRelease(**row._mapping, stages=of_release)  # noqa: SLF001


def _durations(db: Reader, release_ids: Sequence[int]) -> dict[int, list[StageDuration]]:
    took = (stages.c.ended_at - stages.c.started_at).label("took")
    query = (
        select(stages.c.release_id, stages.c.name, took, stages.c.cached)
        .where(stages.c.release_id.in_(release_ids))
        .where(stages.c.started_at.is_not(None), stages.c.ended_at.is_not(None))
    )
    found: dict[int, list[StageDuration]] = {}
    for row in db.connection.execute(query):
        duration = StageDuration(row.name, max(0, row.took), row.cached)
        found.setdefault(row.release_id, []).append(duration)
    return found
