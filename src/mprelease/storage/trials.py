"""Queries about trial versions: which version the testers of a platform app id see."""

from collections.abc import Collection
from dataclasses import asdict

from sqlalchemy import delete, insert, select

from mprelease.domain.board import Trial
from mprelease.schemas.apps import App
from mprelease.storage.database import Reader, Writer
from mprelease.storage.tables import trials


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
