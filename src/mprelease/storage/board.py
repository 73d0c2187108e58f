"""Queries about what each robot or channel of an app has: its newest upload and preview."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, select

from mprelease.domain.board import Placement
from mprelease.domain.newer_values import known_or_newer
from mprelease.domain.releases import Commit, Kind, State
from mprelease.schemas.apps import App
from mprelease.storage.database import Reader
from mprelease.storage.robots import newest_of_each
from mprelease.storage.tables import releases

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
    for app_id, _, *newest in db.connection.execute(_NEWEST, {"ids": ids, "numbers": numbers.stop}):
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


_NEWEST = newest_of_each(
    *((releases.c.kind == kind) & (releases.c.state == state) for kind, state in _PUBLISHED)
)
