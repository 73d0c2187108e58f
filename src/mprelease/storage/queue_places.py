"""Queries about queued releases: their places in the queue, and what they wait for."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from mprelease.domain.releases import QueuePlace, State, WaitReason
from mprelease.storage import workers
from mprelease.storage.database import Reader
from mprelease.storage.tables import releases
from mprelease.storage.workers import Waits

# Those behind so many others get no place.
_READ = 2000


def places(db: Reader, release_ids: Collection[int]) -> Mapping[int, QueuePlace]:
    """Return by id the places of those of these releases that are queued.

    The number of queries does not depend on that of the releases.
    """
    if not release_ids:
        return {}
    unfinished = db.connection.execute(_UNFINISHED).all()
    queued = [row for row in unfinished if row.state == State.QUEUED]
    waits = workers.waits(db, {row.id: row.label for row in queued if row.id in release_ids})
    holders = {row.running_key: row for row in unfinished if row.running_key}
    return {
        release_id: place
        for release_id, place in _places(queued, holders, waits)
        if release_id in release_ids
    }


_UNFINISHED = (
    select(
        releases.c.id,
        releases.c.state,
        releases.c.label,
        releases.c.serial_key,
        releases.c.running_key,
    )
    .where(releases.c.state.in_([State.QUEUED, State.RUNNING, State.UNKNOWN]))
    .order_by(releases.c.due, releases.c.id)
    .limit(_READ)
)


def _places(
    queued: Sequence[Any], holders: Mapping[str, Any], waits: Waits
) -> list[tuple[int, QueuePlace]]:
    ahead: dict[str, int] = defaultdict(int)
    previous: dict[str, int] = {}
    found = []
    for row in queued:
        ahead[row.label] += 1
        holder = holders.get(row.serial_key)
        before = holder.id if holder else previous.get(row.serial_key)
        previous[row.serial_key] = row.id
        place = QueuePlace(
            ahead[row.label],
            row.label,
            _reason(row.id, before, waits),
            before,
            is_blocked=bool(holder and holder.state == State.UNKNOWN),
            workers=waits.without_disk.get(row.id, ""),
        )
        found.append((row.id, place))
    return found


def _reason(release_id: int, before: int | None, waits: Waits) -> WaitReason:
    if release_id in waits.unserved:
        return WaitReason.WORKER
    if before is not None:
        return WaitReason.RELEASE
    return WaitReason.DISK if release_id in waits.without_disk else WaitReason.SLOT
