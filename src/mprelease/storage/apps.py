"""Queries about apps."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Row, exists, insert, select, update

from mprelease.domain import platforms
from mprelease.domain.apps import App, BuildSettings, ProjectType
from mprelease.domain.newer_values import known_or_newer
from mprelease.domain.releases import State
from mprelease.storage.database import Reader, Writer, new_id
from mprelease.storage.tables import apps, releases

_FIELDS = [one.name for one in fields(App)]
# What stays as it was when the app was added, and what is written apart.
_NOT_CHANGED = {"id", "project_id", "revision", "build"}
_DEFAULTS = BuildSettings()


def add(db: Writer, app: App, now: int) -> App:
    """Write a new app, whose name must be free, and return it with its id."""
    values = {
        **_columns(app),
        "project_id": app.project_id,
        "created_at": now,
        "revision": app.revision,
    }
    result = db.connection.execute(insert(apps).values(values))
    return _app({**values, "id": new_id(result)})


def by_name(db: Reader, name: str) -> App | None:
    """Find a living app by its name."""
    return _found(db.connection.execute(select(apps).where(apps.c.name_key == name)).first())


def lock_by_name(db: Writer, name: str) -> App | None:
    """Find a living app by its name and hold its row until the end of the transaction."""
    mine = select(apps).where(apps.c.name_key == name).with_for_update()
    return _found(db.connection.execute(mine).first())


def by_id(db: Reader, app_id: int) -> App:
    """Return the app with this id, removed or not."""
    return _app(db.connection.execute(select(apps).where(apps.c.id == app_id)).one()._asdict())


def every(db: Reader) -> list[App]:
    """List all living apps by name."""
    living = select(apps).where(apps.c.removed_at.is_(None)).order_by("name")
    return [_app(row._asdict()) for row in db.connection.execute(living)]


def of_project(db: Reader, project_id: int) -> list[App]:
    """List the living apps of a project, in the order in which they were added."""
    living = (apps.c.project_id == project_id) & apps.c.removed_at.is_(None)
    rows = db.connection.execute(select(apps).where(living).order_by(apps.c.id))
    return [_app(row._asdict()) for row in rows]


def by_project(db: Reader) -> dict[int, list[App]]:
    """List the living apps of each project that has some, in the order in which they were added."""
    rows = db.connection.execute(select(apps).where(apps.c.removed_at.is_(None)).order_by("id"))
    found: dict[int, list[App]] = {}
    for row in rows:
        found.setdefault(row.project_id, []).append(_app(row._asdict()))
    return found


def locked(db: Writer, *app_ids: int) -> None:
    """Hold the apps' rows until the transaction ends: their version numbers are given singly."""
    wanted = select(apps.c.id).where(apps.c.id.in_(app_ids)).order_by(apps.c.id)
    db.connection.execute(wanted.with_for_update())


def change(db: Writer, app: App) -> bool:
    """Write everything of the app that can be changed; False if it was changed or removed since."""
    seen = (apps.c.id == app.id) & (apps.c.revision == app.revision) & apps.c.removed_at.is_(None)
    values = {**_columns(app), "revision": app.revision + 1}
    return db.connection.execute(update(apps).where(seen).values(values)).rowcount == 1


def is_busy(db: Reader, app_id: int) -> bool:
    """Tell whether a release of this app is still queued or running."""
    unfinished = [state for state in State if not state.is_final]
    found = exists().where(releases.c.app_id == app_id, releases.c.state.in_(unfinished))
    return bool(db.connection.scalar(select(found)))


def remove(db: Writer, app_id: int, now: int) -> None:
    """Take the app away and free its name; its releases stay."""
    db.connection.execute(
        update(apps).where(apps.c.id == app_id).values(removed_at=now, name_key=None)
    )


def _columns(app: App) -> dict[str, Any]:
    plain = {name: getattr(app, name) for name in _FIELDS if name not in _NOT_CHANGED}
    return {**plain, "name_key": app.name, "build": _stored(app.build)}


def _found(row: Row[Any] | None) -> App | None:
    return _app(row._asdict()) if row else None


def _app(row: Mapping[Any, Any]) -> App:
    read = {
        **{name: row[name] for name in _FIELDS},
        "platform": platforms.named(row["platform"]),
        "project_type": known_or_newer(ProjectType, row["project_type"]),
        "build": _build(row["build"]),
    }
    return App(**read)


def _build(stored: Mapping[str, Any]) -> BuildSettings:
    """Read build settings; what a newer version has added is left alone."""
    known = {name: stored[name] for name in BuildSettings.__dataclass_fields__ if name in stored}
    return BuildSettings(**{**known, "install_inputs": tuple(known.get("install_inputs", ()))})


def _stored(build: BuildSettings) -> Mapping[str, Any]:
    """Return build settings as they are stored: without those that are as they are by default.

    So a node of an older version meets a setting that it does not know only where it is used.
    """
    return {
        name: value for name, value in asdict(build).items() if value != getattr(_DEFAULTS, name)
    }
