"""Queries about what each robot or channel of an app has: its newest upload and preview."""

from collections.abc import Collection
from functools import cache
from typing import Any

from sqlalchemy import Row, ScalarSelect, Select, bindparam, func, literal, select, union_all

from mprelease.domain.board import Placement
from mprelease.domain.newer_values import known_or_newer
from mprelease.domain.releases import Commit, Kind, State
from mprelease.schemas.apps import App
from mprelease.storage.database import Reader
from mprelease.storage.tables import apps, releases

# What the platform has, or may have.
_PUBLISHED = (
    (Kind.UPLOAD, State.SUCCEEDED),
    (Kind.UPLOAD, State.UNKNOWN),
    (Kind.PREVIEW, State.SUCCEEDED),
)


def placements(db: Reader, of_apps: Collection[App], numbers: range) -> dict[int, list[Placement]]:
    """Return by app id the newest published releases of each kind and robot, in no order.

    Releases of other apps with the same platform app id count. `numbers` are those of all robots.
    """
    ids = [app.id for app in of_apps]
    found: dict[int, set[int]] = {app_id: set() for app_id in ids}
    for app_id, *newest in db.connection.execute(_newest(numbers.stop), {"ids": ids}):
        found[app_id].update(each for each in newest if each)
    every = set().union(*found.values())
    rows = db.connection.execute(select(*_COLUMNS).where(releases.c.id.in_(every)))
    known = {row.id: _placement(row) for row in rows}
    return {app_id: [known[each] for each in sorted(own)] for app_id, own in found.items()}


_COLUMNS = [
    releases.c[name]
    for name in (
        *("id", "kind", "state", "robot", "robot_reason", "version", "ref", "ref_name"),
        *("commit", "requested_by", "created_at", "ended_at", "deleted_at"),
    )
]


def _placement(row: Row[Any]) -> Placement:
    return Placement(
        row.id,
        known_or_newer(Kind, row.kind),
        known_or_newer(State, row.state),
        row.robot,
        row.robot_reason is not None,
        row.version,
        row.ref_name or row.ref,
        Commit(**row.commit) if row.commit else None,
        row.requested_by,
        row.ended_at or row.created_at,
        row.deleted_at is not None,
    )


@cache
def _newest(count: int) -> Select[Any]:
    """Select the newest release of each kind, app and robot: a look into the index for each."""
    robots = union_all(*(select(literal(n).label("robot")) for n in range(count))).subquery("n")
    twin = apps.alias("twin")

    def newest(kind: Kind, state: State) -> ScalarSelect[Any]:
        same = (releases.c.app_id == twin.c.id) & (releases.c.robot == robots.c.robot)
        of_kind = (releases.c.kind == kind) & (releases.c.state == state)
        query = select(func.max(releases.c.id)).where(same, of_kind)
        return query.correlate(twin, robots).scalar_subquery()

    shares = (twin.c.platform == apps.c.platform) & (
        twin.c.platform_app_id == apps.c.platform_app_id
    )
    # Always true: each robot with each app, as a condition that SQLAlchemy accepts.
    each = robots.c.robot <= twin.c.id + count
    columns = (newest(*one).label(f"newest_{i}") for i, one in enumerate(_PUBLISHED))
    return (
        select(apps.c.id, *columns)
        .select_from(apps.join(twin, shares).join(robots, each))
        .where(apps.c.id.in_(bindparam("ids", expanding=True)))
    )
