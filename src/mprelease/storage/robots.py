"""Queries about robots: the newest release of each, in total or of a kind and state."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, literal, select, union_all

from mprelease.domain.robots import Occupant
from mprelease.schemas.apps import App
from mprelease.storage.database import Reader
from mprelease.storage.tables import apps, releases


def occupants(
    db: Reader, of_apps: Collection[App], numbers: range
) -> dict[int, dict[int, Occupant]]:
    """Return by app id and robot the newest release, of any state and also deleted ones.

    Releases of other apps with the same platform app id count.
    """
    ids = [app.id for app in of_apps]
    rows = db.connection.execute(_NEWEST, {"ids": ids, "numbers": numbers.stop}).all()
    newest = {row.newest for row in rows if row.newest}
    columns = (releases.c.id, releases.c.ref, releases.c.ref_name, releases.c.requested_by)
    known = {
        row.id: Occupant(row.id, row.ref_name or row.ref, row.requested_by)
        for row in db.connection.execute(select(*columns).where(releases.c.id.in_(newest)))
    }
    found: dict[int, dict[int, Occupant]] = {app_id: {} for app_id in ids}
    for app_id, robot, release_id in rows:
        before = found[app_id].get(robot)
        if release_id and (before is None or before.release_id < release_id):
            found[app_id][robot] = known[release_id]
    return found


def newest_of_each(*conditions: ColumnElement[bool] | None) -> Select[Any]:
    """Select app id, robot and the newest release that meets each condition (None: any).

    One look into an index for each robot and condition, of each app in `ids`: grouping would read
    all releases of the apps. Robots from 0 to below `numbers`.
    """
    robots = union_all(*(select(literal(n).label("robot")) for n in range(_MOST))).subquery("n")
    twin = apps.alias("twin")

    def newest(condition: ColumnElement[bool] | None) -> ColumnElement[Any]:
        same = (releases.c.app_id == twin.c.id) & (releases.c.robot == robots.c.robot)
        query = select(func.max(releases.c.id)).where(same)
        query = query if condition is None else query.where(condition)
        return query.correlate(twin, robots).scalar_subquery()

    shares = (twin.c.platform == apps.c.platform) & (
        twin.c.platform_app_id == apps.c.platform_app_id
    )
    # It names the app because SQLAlchemy refuses a join with a condition on one side alone.
    wanted = robots.c.robot < bindparam("numbers") + twin.c.id * 0
    names = _names(conditions)
    columns = [newest(one).label(name) for name, one in zip(names, conditions, strict=True)]
    return (
        select(apps.c.id, robots.c.robot, *columns)
        .select_from(apps.join(twin, shares).join(robots, wanted))
        .where(apps.c.id.in_(bindparam("ids", expanding=True)))
    )


def _names(conditions: Sequence[object]) -> list[str]:
    return ["newest"] + [f"newest_{number}" for number in range(1, len(conditions))]


_MOST = 64  # robots of a platform, and channel numbers that the board shows
_NEWEST = newest_of_each(None)
