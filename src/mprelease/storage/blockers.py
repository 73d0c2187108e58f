"""Queries about what a queued release waits for."""

from sqlalchemy import select, tuple_

from mprelease.domain.releases import State
from mprelease.storage.database import Reader
from mprelease.storage.tables import releases


def blocker(db: Reader, release_id: int) -> tuple[int | None, bool]:
    """Return the id of the release that a queued one waits for, and whether its state is UNKNOWN.

    That is the release that holds the serial key, else the previous one in the queue of that key;
    None if the release only waits for a free slot. Raise NoResultFound if there is no such release.
    """
    mine = db.connection.execute(
        select(releases.c.serial_key, releases.c.due).where(releases.c.id == release_id)
    ).one()
    holding = select(releases.c.id, releases.c.state).where(
        releases.c.running_key == mine.serial_key, releases.c.id != release_id
    )
    if holder := db.connection.execute(holding).first():
        return int(holder.id), holder.state == State.UNKNOWN
    place = tuple_(releases.c.due, releases.c.id)
    ahead = (
        select(releases.c.id)
        .where(releases.c.serial_key == mine.serial_key, releases.c.state == State.QUEUED)
        .where(place < tuple_(mine.due, release_id))
        .order_by(releases.c.due.desc(), releases.c.id.desc())
        .limit(1)
    )
    previous = db.connection.scalar(ahead)
    return (None if previous is None else int(previous)), False
