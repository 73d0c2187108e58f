"""Queries for the trends of an app: its newest releases that have ended."""

from mprelease.domain.releases import Release, State
from mprelease.storage.database import Reader
from mprelease.storage.releases import read, with_app
from mprelease.storage.tables import releases

_ENDED = [state for state in State if state.is_final]


def ended(db: Reader, app_id: int, limit: int) -> list[Release]:
    """Return the newest releases of an app that have ended, oldest first, at most `limit`."""
    query = with_app().where(releases.c.app_id == app_id, releases.c.state.in_(_ENDED))
    return read(db, query.order_by(releases.c.id.desc()).limit(limit))[::-1]
