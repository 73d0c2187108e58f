"""Queries about trial versions: which version the testers of a platform app id see."""

from collections.abc import Collection
from dataclasses import asdict, dataclass

from sqlalchemy import delete, insert, select

from mprelease.schemas.apps import App
from mprelease.storage.database import Reader, Writer
from mprelease.storage.tables import trials


@dataclass(frozen=True)
class Trial:
    """The trial version of a platform app id, as known at `marked_at` (ms since the epoch).

    It is `version`, or with None the newest upload of the channel (0: outside of channels). The
    platform itself has named it if `marked_by` is None.
    """

    platform: str
    platform_app_id: str
    channel: int
    version: str | None
    marked_by: str | None
    marked_at: int


def of_apps(db: Reader, apps: Collection[App]) -> dict[int, Trial]:
    """Return by app id the trial versions that are known."""
    ids = {app.platform_app_id for app in apps}
    rows = db.connection.execute(select(trials).where(trials.c.platform_app_id.in_(ids)))
    known = {(row.platform, row.platform_app_id): Trial(**row._asdict()) for row in rows}
    keys = {app.id: (app.platform, app.platform_app_id) for app in apps}
    return {app_id: known[key] for app_id, key in keys.items() if key in known}


def put(db: Writer, trial: Trial) -> None:
    """Store the trial version of a platform app id, in place of an older one."""
    forget(db, trial.platform, trial.platform_app_id)
    db.connection.execute(insert(trials).values(asdict(trial)))


def forget(db: Writer, platform: str, platform_app_id: str) -> bool:
    """Remove the trial version of a platform app id; return whether there was one."""
    same = (trials.c.platform == platform) & (trials.c.platform_app_id == platform_app_id)
    return db.connection.execute(delete(trials).where(same)).rowcount > 0
