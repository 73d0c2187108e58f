"""Queries about the apps that users have starred."""

from sqlalchemy import delete, insert, select

from mprelease.storage.database import Reader, Writer
from mprelease.storage.tables import favourites


def of_user(db: Reader, user_id: int) -> frozenset[int]:
    """Return the ids of the apps that a user has starred."""
    query = select(favourites.c.app_id).where(favourites.c.user_id == user_id)
    return frozenset(db.connection.scalars(query))


def put(db: Writer, user_id: int, app_id: int) -> None:
    """Star an app; the transaction must hold a lock on the app's row."""
    drop(db, user_id, app_id)
    db.connection.execute(insert(favourites).values(user_id=user_id, app_id=app_id))


def drop(db: Writer, user_id: int, app_id: int) -> None:
    """Remove an app from those that a user has starred."""
    is_it = (favourites.c.user_id == user_id) & (favourites.c.app_id == app_id)
    db.connection.execute(delete(favourites).where(is_it))
