"""Why a queued release is still queued."""

from sqlalchemy import select, tuple_

from mprelease.domain.releases import State
from mprelease.storage.database import Reader
from mprelease.storage.tables import releases


def blocker(db: Reader, release_id: int) -> tuple[int | None, bool]:
    """Return for which release a queued one waits, and whether that one's end is unknown.

    That is the one that keeps its serial key, else the next one before it in the line of that key;
    None where it only waits for a free slot.
    """
    mine = db.connection.execute(
        select(releases.c.serial_key, releases.c.due).where(releases.c.id == release_id)
    ).one()
    keeps = select(releases.c.id, releases.c.state).where(
        releases.c.running_key == mine.serial_key, releases.c.id != release_id
    )
    if keeper := db.connection.execute(keeps).first():
        return int(keeper.id), keeper.state == State.UNKNOWN
    place = tuple_(releases.c.due, releases.c.id)
    ahead = (
        select(releases.c.id)
        .where(releases.c.serial_key == mine.serial_key, releases.c.state == State.QUEUED)
        .where(place < tuple_(mine.due, release_id))
        .order_by(releases.c.due.desc(), releases.c.id.desc())
        .limit(1)
    )
    found = db.connection.scalar(ahead)
    return (None if found is None else int(found)), False
