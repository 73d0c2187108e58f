"""Queries about shared QR codes: the keys by which they are shown without a login."""

from sqlalchemy import delete, insert, select, update

from mprelease.storage.database import Reader, Writer
from mprelease.storage.tables import shares


def put(db: Writer, release_id: int, key: str, now: int) -> None:
    """Share a release's QR code under a key."""
    db.connection.execute(insert(shares).values(release_id=release_id, key=key, created_at=now))


def drop(db: Writer, release_id: int) -> None:
    """Stop sharing a release's QR code."""
    db.connection.execute(delete(shares).where(shares.c.release_id == release_id))


def move(db: Writer, key: str, release_id: int) -> None:
    """Share the QR code of another release under a key, in place of the former one."""
    drop(db, release_id)
    row = update(shares).where(shares.c.key == key)
    db.connection.execute(row.values(release_id=release_id))


def key_of(db: Reader, release_id: int) -> str | None:
    """Return the key under which a release's QR code is shared; None if it is not."""
    query = select(shares.c.key).where(shares.c.release_id == release_id)
    key: str | None = db.connection.scalar(query)
    return key


def release_of(db: Reader, key: str) -> int | None:
    """Return the id of the release whose QR code a key shares; None if there is none."""
    release_id: int | None = db.connection.scalar(
        select(shares.c.release_id).where(shares.c.key == key)
    )
    return release_id
