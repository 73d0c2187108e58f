"""Queries about robots: which release was the newest of each."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, func, select

from mprelease.domain.robots import Occupant
from mprelease.storage.database import Reader
from mprelease.storage.tables import releases


def occupants(db: Reader, serial_keys: Mapping[int, str]) -> dict[int, Occupant]:
    """Return the newest release of each robot, of any state and also deleted ones.

    `serial_keys` are those of the robots, by number.
    """
    given = {f"key_{number}": key for number, key in enumerate(serial_keys.values())}
    newest = db.connection.execute(_newest(len(given)), given).one()
    ids = {robot: id_ for robot, id_ in zip(serial_keys, newest, strict=True) if id_}
    columns = (releases.c.id, releases.c.ref, releases.c.ref_name, releases.c.requested_by)
    rows = db.connection.execute(select(*columns).where(releases.c.id.in_(ids.values())))
    found = {row.id: Occupant(row.id, row.ref_name or row.ref, row.requested_by) for row in rows}
    return {robot: found[id_] for robot, id_ in ids.items()}


# One look into the index for each robot; grouping would read all releases of the app.
@cache
def _newest(count: int) -> Select[Any]:
    keys: list[BindParameter[str]] = [bindparam(f"key_{number}") for number in range(count)]
    newest = (select(func.max(releases.c.id)).where(releases.c.serial_key == key) for key in keys)
    return select(*(each.scalar_subquery().label(f"n_{i}") for i, each in enumerate(newest)))
