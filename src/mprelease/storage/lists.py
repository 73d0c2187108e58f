"""Queries for lists of releases: search, unfinished ones, the sidebar, QR codes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import exists, func, or_, select

from mprelease.domain import platforms
from mprelease.domain.newer_values import known_or_newer
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, Release, State
from mprelease.storage.database import Reader
from mprelease.storage.releases import read, with_app
from mprelease.storage.tables import apps, projects, qr_codes, releases

_REFS = (releases.c.ref, releases.c.ref_name)


@dataclass(frozen=True)
class Search:
    """Filters of a search; None and "" match everything. `before` is the id of a release."""

    app_id: int | None = None
    kind: Kind | None = None
    state: State | None = None
    ref: str = ""
    person: str = ""
    before: int | None = None
    limit: int = 20

    @property
    def is_filtered(self) -> bool:
        """Return whether kind, state, ref or person is set."""
        return bool(self.kind or self.state or self.ref or self.person)


@dataclass(frozen=True)
class AppSummary:
    """An app in the sidebar, with the state and id of its newest release."""

    id: int
    name: str
    platform: Platform
    state: State | None
    newest: int | None = None


@dataclass(frozen=True)
class ProjectSection:
    """A project in the sidebar, with its apps."""

    name: str
    apps: tuple[AppSummary, ...]


def search(db: Reader, search: Search) -> list[Release]:
    """List the matching releases, newest first."""
    query = with_app().order_by(releases.c.id.desc()).limit(search.limit)
    same = {"app_id": search.app_id, "kind": search.kind, "state": search.state}
    for name, value in same.items():
        if value is not None:
            query = query.where(releases.c[name] == value)
    if search.ref:
        named = [column.contains(search.ref, autoescape=True) for column in _REFS]
        query = query.where(or_(*named))
    if search.person:
        query = query.where(releases.c.requested_by == search.person)
    if search.before is not None:
        query = query.where(releases.c.id < search.before)
    return read(db, query)


def unfinished(db: Reader, limit: int = 50) -> list[Release]:
    """List queued and running releases, oldest first."""
    open_states = [state for state in State if not state.is_final]
    query = with_app().where(releases.c.state.in_(open_states)).order_by(releases.c.id)
    return read(db, query.limit(limit))


def unfinished_or_unknown(db: Reader, limit: int = 300) -> list[Release]:
    """List queued and running releases and those in state UNKNOWN, oldest first."""
    states = [state for state in State if not state.is_final or state is State.UNKNOWN]
    query = with_app().where(releases.c.state.in_(states)).order_by(releases.c.id)
    return read(db, query.limit(limit))


def since(db: Reader, newest: int, also: Collection[int], limit: int = 300) -> list[Release]:
    """List releases with ids above `newest`, oldest first, and those of `also` that exist."""
    newer = with_app().where(releases.c.id > newest).order_by(releases.c.id).limit(limit)
    named = with_app().where(releases.c.id.in_(also))
    return read(db, newer) + (read(db, named) if also else [])


def count_unfinished(db: Reader) -> int:
    """Count queued and running releases."""
    open_states = [state for state in State if not state.is_final]
    shown = releases.c.deleted_at.is_(None)
    query = select(func.count()).where(releases.c.state.in_(open_states), shown)
    return int(db.connection.scalar(query) or 0)


def sections(db: Reader) -> list[ProjectSection]:
    """List all projects by name, each with its apps and the states of their newest releases."""
    newest = (
        select(releases.c.id)
        .where(releases.c.app_id == apps.c.id, releases.c.deleted_at.is_(None))
        .order_by(releases.c.id.desc())
        .limit(1)
        .correlate(apps)
        .scalar_subquery()
    )
    state = select(releases.c.state).where(releases.c.id == newest).scalar_subquery()
    rows = db.connection.execute(
        select(projects.c.name, apps.c.id, apps.c.name.label("app"), apps.c.platform, state, newest)
        .join(
            apps, (apps.c.project_id == projects.c.id) & apps.c.removed_at.is_(None), isouter=True
        )
        .order_by(projects.c.name, apps.c.name)
    )
    by_name: dict[str, ProjectSection] = {}
    for project, app_id, name, platform, newest_state, newest_id in rows:
        section = by_name.setdefault(project, ProjectSection(project, ()))
        if app_id is not None:
            shown = known_or_newer(State, newest_state) if newest_state else None
            summary = AppSummary(app_id, name, platforms.named(platform), shown, newest_id)
            by_name[project] = replace(section, apps=(*section.apps, summary))
    return list(by_name.values())


def newest_codes(db: Reader, kind: Kind) -> Mapping[int, int]:
    """Return by app the id of its newest release of this kind that has a QR code."""
    newest = (
        select(func.max(qr_codes.c.release_id))
        .where(qr_codes.c.app_id == apps.c.id, qr_codes.c.kind == kind)
        .correlate(apps)
        .scalar_subquery()
    )
    rows = db.connection.execute(select(apps.c.id, newest).where(apps.c.removed_at.is_(None)))
    return {app_id: release_id for app_id, release_id in rows if release_id is not None}


def with_codes(db: Reader, release_ids: list[int]) -> Mapping[int, int]:
    """Return those of these releases that have a QR code, with its time in ms since the epoch."""
    query = select(qr_codes.c.release_id, qr_codes.c.made_at)
    rows = db.connection.execute(query.where(qr_codes.c.release_id.in_(release_ids)))
    return {row.release_id: row.made_at for row in rows}


def own_codes(
    db: Reader, release_ids: list[int], one_trial_code: Collection[Platform]
) -> Mapping[int, int]:
    """Like `with_codes`, without codes that now belong to a newer release.

    On the platforms in `one_trial_code` all uploads of one platform app id share the code of the
    trial version, which belongs to the newest of them.
    """
    made_at = with_codes(db, release_ids)
    newer, other = qr_codes.alias(), apps.alias()
    is_superseded = (
        exists()
        .where(newer.c.kind == Kind.UPLOAD, newer.c.release_id > qr_codes.c.release_id)
        .where(newer.c.app_id == other.c.id, other.c.platform.in_(one_trial_code))
        .where(other.c.platform_app_id == apps.c.platform_app_id)
    )
    rows = db.connection.scalars(
        select(qr_codes.c.release_id)
        .join(apps, apps.c.id == qr_codes.c.app_id)
        .where(qr_codes.c.release_id.in_(list(made_at)), qr_codes.c.kind == Kind.UPLOAD)
        .where(apps.c.platform.in_(one_trial_code), is_superseded)
    )
    superseded = set(rows)
    return {release_id: at for release_id, at in made_at.items() if release_id not in superseded}
