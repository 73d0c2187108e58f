"""Which queued releases a worker may claim next."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import count

from sqlalchemy import select

from mprelease.domain.apps import Environment, ProjectType
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, State
from mprelease.storage.apps import are_known
from mprelease.storage.database import Reader
from mprelease.storage.tables import apps, releases

_CANDIDATES = 8


def candidates(
    db: Reader, labels: Sequence[str], platforms: Collection[Platform] = tuple(Platform)
) -> list[int]:
    """List the next releases for a worker: of its labels, with a serial key that is free.

    Releases with values of a newer version, or on other platforms, are left to newer nodes.
    """
    # One query per label reads the index in order; one for all would sort the whole queue.
    rows = [row for label in labels for row in _eligible(db, label, platforms)]
    return [release_id for _, release_id in sorted(rows)[:_CANDIDATES]]


def platforms_of(db: Reader, candidates: Collection[int]) -> Mapping[Platform, int]:
    """Count on each platform those of these releases that can run at once: with different keys."""
    query = (
        select(releases.c.serial_key, apps.c.platform)
        .join(apps, apps.c.id == releases.c.app_id)
        .where(releases.c.id.in_(candidates))
        .distinct()
    )
    return Counter(row.platform for row in db.connection.execute(query))


def _eligible(db: Reader, label: str, platforms: Collection[Platform]) -> list[tuple[int, int]]:
    busy = select(releases.c.running_key).where(releases.c.running_key.is_not(None))
    query = (
        select(releases.c.due, releases.c.id, apps.c.build)
        .join(apps, apps.c.id == releases.c.app_id)
        .where(releases.c.state == State.QUEUED, releases.c.label == label)
        .where(releases.c.serial_key.not_in(busy))
        .where(releases.c.kind.in_(list(Kind)), releases.c.environment.in_(list(Environment)))
        .where(apps.c.platform.in_(list(platforms)), apps.c.project_type.in_(list(ProjectType)))
        .order_by(releases.c.due, releases.c.id)
    )
    known: list[tuple[int, int]] = []
    for offset in count(0, _CANDIDATES):
        rows = db.connection.execute(query.limit(_CANDIDATES).offset(offset)).all()
        known += [(row.due, row.id) for row in rows if are_known(row.build)]
        if len(rows) < _CANDIDATES or len(known) >= _CANDIDATES:
            break
    return known
