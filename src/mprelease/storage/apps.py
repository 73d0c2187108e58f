"""Queries about apps."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from sqlalchemy import Row, exists, insert, select, update

from mprelease.domain import platforms
from mprelease.domain.apps import BundlerCache, ProjectType
from mprelease.domain.newer_values import known_or_newer
from mprelease.domain.releases import State
from mprelease.schemas.apps import App, BuildSettings
from mprelease.storage.database import Reader, Writer, new_id
from mprelease.storage.tables import apps, releases

_FIELDS = [one.name for one in fields(App)]
# Fields that never change, and those that `_columns` or its callers set themselves.
_NOT_COPIED = {"id", "project_id", "revision", "build"}
_DEFAULTS = BuildSettings()
_BUILD_SETTINGS = frozenset(one.name for one in fields(BuildSettings))


def add(db: Writer, app: App, now: int) -> App:
    """Insert a new app and return it with its id; raise IntegrityError if the name is taken."""
    values = {
        **_columns(app),
        "project_id": app.project_id,
        "created_at": now,
        "revision": app.revision,
    }
    result = db.connection.execute(insert(apps).values(values))
    return _app({**values, "id": new_id(result)})


def by_name(db: Reader, name: str) -> App | None:
    """Return the app with this name, unless removed; None if there is none."""
    query = select(apps).where(apps.c.name_key == name)
    return _app_or_none(db.connection.execute(query).first())


def recent_platforms(db: Reader, labels: Collection[str], since: int) -> list[str]:
    """Return the platforms of the newest 100 releases, the most used first.

    Only those with one of these labels, created at `since` (ms since the epoch) or later.
    """
    query = (
        select(apps.c.platform, releases.c.label, releases.c.created_at)
        .join_from(releases, apps, releases.c.app_id == apps.c.id)
        .order_by(releases.c.id.desc())
        .limit(100)
    )
    rows = db.connection.execute(query).all()
    used = [row.platform for row in rows if row.label in labels and row.created_at >= since]
    return [platform for platform, _ in Counter(used).most_common()]


def lock_by_name(db: Writer, name: str) -> App | None:
    """Like `by_name`, and lock the row until the end of the transaction."""
    query = select(apps).where(apps.c.name_key == name).with_for_update()
    return _app_or_none(db.connection.execute(query).first())


def by_id(db: Reader, app_id: int) -> App:
    """Return the app with this id, also a removed one; raise NoResultFound."""
    return _app(db.connection.execute(select(apps).where(apps.c.id == app_id)).one()._asdict())


def every(db: Reader) -> list[App]:
    """List all apps that are not removed, by name."""
    query = select(apps).where(apps.c.removed_at.is_(None)).order_by("name")
    return [_app(row._asdict()) for row in db.connection.execute(query)]


def of_project(db: Reader, project_id: int) -> list[App]:
    """List the apps of a project that are not removed, oldest first."""
    present = (apps.c.project_id == project_id) & apps.c.removed_at.is_(None)
    rows = db.connection.execute(select(apps).where(present).order_by(apps.c.id))
    return [_app(row._asdict()) for row in rows]


def by_project(db: Reader) -> dict[int, list[App]]:
    """Return by project id the apps that are not removed, oldest first."""
    rows = db.connection.execute(select(apps).where(apps.c.removed_at.is_(None)).order_by("id"))
    grouped: dict[int, list[App]] = {}
    for row in rows:
        grouped.setdefault(row.project_id, []).append(_app(row._asdict()))
    return grouped


def lock(db: Writer, *app_ids: int) -> None:
    """Lock the apps' rows until the end of the transaction, so that versions are not given twice.

    Rows are locked in the order of their ids, against deadlocks.
    """
    wanted = select(apps.c.id).where(apps.c.id.in_(app_ids)).order_by(apps.c.id)
    db.connection.execute(wanted.with_for_update())


def lock_shared(db: Writer, *of_apps: App) -> None:
    """Like `lock`, with all apps of the same platform app ids: they share versions and robots."""
    shared = {app.platform_app_id for app in of_apps}
    lock(db, *db.connection.scalars(select(apps.c.id).where(apps.c.platform_app_id.in_(shared))))


def change(db: Writer, app: App) -> bool:
    """Update an app and increment its revision; keep build settings of newer versions.

    Return False if it was changed since `app.revision`, or removed.
    """
    same = (apps.c.id == app.id) & (apps.c.revision == app.revision) & apps.c.removed_at.is_(None)
    stored = db.connection.scalar(select(apps.c.build).where(same)) or {}
    newer = {name: value for name, value in stored.items() if name not in _BUILD_SETTINGS}
    columns = _columns(app)
    values = {**columns, "build": {**newer, **columns["build"]}, "revision": app.revision + 1}
    return db.connection.execute(update(apps).where(same).values(values)).rowcount == 1


def stop_bundler_cache(db: Writer, app_id: int) -> bool:
    """Let an app's builds start without caches; return False if they do, or it is removed."""
    lock(db, app_id)
    app = by_id(db, app_id)
    if app.build.bundler_cache is BundlerCache.OFF:
        return False
    return change(db, replace(app, build=replace(app.build, bundler_cache=BundlerCache.OFF)))


def is_busy(db: Reader, app_id: int) -> bool:
    """Return whether a release of this app is queued or running."""
    unfinished = [state for state in State if not state.is_final]
    busy = exists().where(releases.c.app_id == app_id, releases.c.state.in_(unfinished))
    return bool(db.connection.scalar(select(busy)))


def are_known(build: Mapping[str, Any]) -> bool:
    """Return whether this version supports every stored build setting."""
    return build.keys() <= _BUILD_SETTINGS


def remove(db: Writer, app_id: int, now: int) -> None:
    """Mark an app as removed and free its name; its row and its releases are kept."""
    db.connection.execute(
        update(apps).where(apps.c.id == app_id).values(removed_at=now, name_key=None)
    )


def _columns(app: App) -> dict[str, Any]:
    plain = {name: getattr(app, name) for name in _FIELDS if name not in _NOT_COPIED}
    return {**plain, "name_key": app.name, "build": _build_columns(app.build)}


def _app_or_none(row: Row[Any] | None) -> App | None:
    return _app(row._asdict()) if row else None


def _app(row: Mapping[Any, Any]) -> App:
    values = {
        **{name: row[name] for name in _FIELDS},
        "platform": platforms.named(row["platform"]),
        "project_type": known_or_newer(ProjectType, row["project_type"]),
        "build": _build(row["build"]),
        "robot_names": tuple(row["robot_names"] or ()),
        "robot_rules": tuple(row["robot_rules"] or ()),
        "size_budgets": tuple(row["size_budgets"] or ()),
    }
    return App(**values)


def _build(stored: Mapping[str, Any]) -> BuildSettings:
    """Read build settings; ignore settings of newer versions."""
    known = {name: value for name, value in stored.items() if name in _BUILD_SETTINGS}
    cache = known_or_newer(BundlerCache, known.get("bundler_cache", BundlerCache.PROJECT))
    inputs = tuple(known.get("install_inputs", ()))
    return BuildSettings(**{**known, "install_inputs": inputs, "bundler_cache": cache})


def _build_columns(build: BuildSettings) -> Mapping[str, Any]:
    """Return build settings as stored: only those that differ from the defaults.

    So a setting that a node of an older version does not support is stored only where it is used.
    """
    return {
        name: value for name, value in asdict(build).items() if value != getattr(_DEFAULTS, name)
    }
