"""Queries for the trends of an app: its newest releases that have ended, and their sizes."""

from mprelease.domain.releases import Release, State
from mprelease.storage.database import Reader
from mprelease.storage.releases import read, with_app
from mprelease.storage.tables import releases

_NEAR = 20
_ENDED = [state for state in State if state.is_final]


def measured_before(db: Reader, release: Release) -> Release | None:
    """Return the newest earlier success of the same app and environment that has sizes.

    None if it is not among the twenty before.
    """
    query = with_app().where(
        releases.c.app_id == release.app_id,
        releases.c.id < release.id,
        releases.c.state == State.SUCCEEDED,
        releases.c.environment == release.environment,
    )
    earlier = read(db, query.order_by(releases.c.id.desc()).limit(_NEAR), with_stages=False)
    return next((one for one in earlier if one.sizes), None)


def ended(db: Reader, app_id: int, limit: int) -> list[Release]:
    """Return the newest releases of an app that have ended, oldest first, at most `limit`."""
    query = with_app().where(releases.c.app_id == app_id, releases.c.state.in_(_ENDED))
    return read(db, query.order_by(releases.c.id.desc()).limit(limit))[::-1]
