"""The apps that a user has starred: a preference of that user, without an audit entry."""

from mprelease.services import apps
from mprelease.services.context import ServiceContext
from mprelease.storage import apps as stored
from mprelease.storage import favourites


def star(services: ServiceContext, user_id: int, name: str, *, starred: bool) -> int:
    """Star an app for a user, or remove the star; return the app's id. Raise Refused."""
    with services.database.writing() as db:
        app = apps.get(db, name)
        stored.lock(db, app.id)
        if starred:
            favourites.put(db, user_id, app.id)
        else:
            favourites.drop(db, user_id, app.id)
    return app.id
