"""The apps that a user has at the top of the home page."""

from sqlalchemy import delete, insert, select

from mprelease.storage.database import Reader, Writer
from mprelease.storage.tables import favourites


def of_user(db: Reader, user_id: int) -> frozenset[int]:
    """Return the ids of a user's favourites; those of removed apps may be among them."""
    query = select(favourites.c.app_id).where(favourites.c.user_id == user_id)
    return frozenset(db.connection.scalars(query))


def choose(db: Writer, user_id: int, app_id: int, *, chosen: bool) -> None:
    """Add an app to a user's favourites, or take it away; nothing changes if it is so already."""
    key = {"user_id": user_id, "app_id": app_id}
    same = [favourites.c[name] == value for name, value in key.items()]
    db.connection.execute(delete(favourites).where(*same))
    if chosen:
        db.connection.execute(insert(favourites).values(key))
