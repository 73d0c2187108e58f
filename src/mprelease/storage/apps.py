"""Queries about apps."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, exists, insert, select, update

from mprelease.domain.apps import App, BuildSettings, ProjectType
from mprelease.domain.newer_values import known_or_newer
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import State
from mprelease.storage.database import Reader, Writer, new_id
from mprelease.storage.tables import apps, releases

_LATER = frozenset({"install_inputs", "private_dependencies", "installed_from"})


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
    return {
        "name": app.name,
        "name_key": app.name,
        "platform": app.platform,
        "platform_app_id": app.platform_app_id,
        "project_type": app.project_type,
        "build": _stored(app.build),
        "robot": app.robot,
        "start_page": app.default_page,
        "proxy": app.proxy,
        "label": app.label,
    }


def _found(row: Row[Any] | None) -> App | None:
    return _app(row._asdict()) if row else None


def _app(row: Mapping[Any, Any]) -> App:
    return App(
        id=row["id"],
        project_id=row["project_id"],
        name=row["name"],
        platform=known_or_newer(Platform, row["platform"]),
        platform_app_id=row["platform_app_id"],
        project_type=known_or_newer(ProjectType, row["project_type"]),
        build=_build(row["build"]),
        robot=row["robot"],
        default_page=row["start_page"],
        proxy=row["proxy"],
        label=row["label"],
        revision=row["revision"],
    )


def _build(stored: Mapping[str, Any]) -> BuildSettings:
    """Read build settings; what a newer version has added is left alone."""
    known = {name: stored[name] for name in BuildSettings.__dataclass_fields__ if name in stored}
    return BuildSettings(**{**known, "install_inputs": tuple(known.get("install_inputs", ()))})


def _stored(build: BuildSettings) -> Mapping[str, Any]:
    """Return build settings as they are stored: a node of an older version knows no later ones."""
    stored = asdict(build)
    return {
        name: value
        for name, value in stored.items()
        if name not in _LATER or value != getattr(BuildSettings(), name)
    }
