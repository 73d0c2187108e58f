"""Queries for lists of releases: search, unfinished ones, the sidebar, QR codes."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, bindparam, cast, func, or_, select

from mprelease.domain import platforms
from mprelease.domain.newer_values import known_or_newer
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Kind, Release, State
from mprelease.storage.database import Reader
from mprelease.storage.releases import read, with_app
from mprelease.storage.tables import apps, projects, qr_codes, releases

_OPEN = [state for state in State if not state.is_final]
_REFS = (releases.c.ref, releases.c.ref_name)


@dataclass(frozen=True)
class Search:
    """Filters of a search; None and "" match everything. `before` is the id of a release.

    `text` is a part of the ref, description, version, commit or person, in either case.
    """

    app_id: int | None = None
    kind: Kind | None = None
    state: State | None = None
    ref: str = ""
    person: str = ""
    before: int | None = None
    limit: int = 20
    text: str = ""
    robot: int | None = None

    @property
    def is_filtered(self) -> bool:
        """Return whether kind, state, ref, person or text is set."""
        return bool(self.kind or self.state or self.ref or self.person or self.text)


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
    id: int = 0


def search(db: Reader, search: Search, *, with_stages: bool = True) -> list[Release]:
    """List the matching releases, newest first; cards need no stages."""
    return read(db, _search(search), with_stages=with_stages)


# Building a query takes longer than SQLite needs to answer it.
@lru_cache(maxsize=64)
def _search(search: Search) -> Select[Any]:
    query = with_app().order_by(releases.c.id.desc()).limit(search.limit)
    same = {"app_id": search.app_id, "kind": search.kind, "state": search.state}
    same["robot"] = search.robot
    for name, value in same.items():
        if value is not None:
            query = query.where(releases.c[name] == value)
    if search.ref:
        named = [column.contains(search.ref, autoescape=True) for column in _REFS]
        query = query.where(or_(*named))
    if search.person:
        query = query.where(releases.c.requested_by == search.person)
    if search.text:
        query = query.where(_contains(search.text))
    if search.before is not None:
        query = query.where(releases.c.id < search.before)
    return query


def _contains(text: str) -> ColumnElement[bool]:
    searched = (*_REFS, releases.c.description, releases.c.version, releases.c.requested_by)
    plain = [column.icontains(text, autoescape=True) for column in searched]
    # The column of a commit has JSON: its id, author and subject.
    in_json = json.dumps(text)[1:-1]
    commit = cast(releases.c.commit, Text).icontains(in_json, autoescape=True)
    return or_(*plain, commit)


def unfinished(db: Reader, limit: int = 50) -> list[Release]:
    """List queued and running releases, oldest first."""
    return read(db, _unfinished(limit))


@cache
def _unfinished(limit: int) -> Select[Any]:
    return with_app().where(releases.c.state.in_(_OPEN)).order_by(releases.c.id).limit(limit)


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
    return int(db.connection.scalar(_COUNT_UNFINISHED) or 0)


_COUNT_UNFINISHED = select(func.count()).where(
    releases.c.state.in_(_OPEN), releases.c.deleted_at.is_(None)
)


def sections(db: Reader) -> tuple[ProjectSection, ...]:
    """List all projects by name, each with its apps and the states of their newest releases.

    As long as nothing changes, it is the same object.
    """
    return _sections(tuple(tuple(row) for row in db.connection.execute(_sections_query())))


@cache
def _sections_query() -> Select[Any]:
    newest = (
        select(releases.c.id)
        .where(releases.c.app_id == apps.c.id, releases.c.deleted_at.is_(None))
        .order_by(releases.c.id.desc())
        .limit(1)
        .correlate(apps)
        .scalar_subquery()
    )
    state = select(releases.c.state).where(releases.c.id == newest).scalar_subquery()
    is_member = (apps.c.project_id == projects.c.id) & apps.c.removed_at.is_(None)
    return (
        select(
            projects.c.id.label("project_id"),
            projects.c.name,
            apps.c.id,
            apps.c.name.label("app"),
            apps.c.platform,
            state,
            newest,
        )
        .join(apps, is_member, isouter=True)
        .order_by(projects.c.name, apps.c.name)
    )


@lru_cache(maxsize=4)
def _sections(rows: tuple[tuple[Any, ...], ...]) -> tuple[ProjectSection, ...]:
    by_name: dict[tuple[int, str], list[AppSummary]] = defaultdict(list)
    for project_id, project, app_id, name, platform, state, newest_id in rows:
        members = by_name[project_id, project]
        if app_id is not None:
            shown = known_or_newer(State, state) if state else None
            members.append(AppSummary(app_id, name, platforms.named(platform), shown, newest_id))
    return tuple(
        ProjectSection(name, tuple(members), project_id)
        for (project_id, name), members in by_name.items()
    )


def with_codes(db: Reader, release_ids: Collection[int]) -> Mapping[int, int]:
    """Return those of these releases that have a QR code, with its time in ms since the epoch."""
    query = select(qr_codes.c.release_id, qr_codes.c.made_at)
    rows = db.connection.execute(query.where(qr_codes.c.release_id.in_(release_ids)))
    return {row.release_id: row.made_at for row in rows}


@dataclass(frozen=True)
class Successor:
    """The upload to which the trial code of an earlier one belongs now.

    With `has_replaced` it is of the same robot, so that the platform has the earlier one no more.
    """

    release: int
    version: str | None
    has_replaced: bool


def successors(
    db: Reader, release_ids: Collection[int], one_trial_code: Collection[Platform]
) -> Mapping[int, Successor]:
    """Return by id the successors of those of these uploads whose QR code belongs to a newer one.

    On the platforms in `one_trial_code` all uploads of one platform app id share the code of the
    trial version, which belongs to the newest of them.
    """
    if not release_ids:
        return {}
    known = {"ids": list(release_ids), "platforms": list(one_trial_code)}
    return {
        row.id: Successor(row.successor, row.version, has_replaced=row.of_robot is not None)
        for row in db.connection.execute(_successors(), known)
    }


@cache
def _successors() -> Select[Any]:
    newer, other = releases.alias(), apps.alias()
    later = (
        select(func.max(newer.c.id))
        .join(qr_codes, qr_codes.c.release_id == newer.c.id)
        .join(other, other.c.id == newer.c.app_id)
        .where(newer.c.kind == Kind.UPLOAD, newer.c.id > releases.c.id)
        .where(other.c.platform == apps.c.platform)
        .where(other.c.platform_app_id == apps.c.platform_app_id)
        .correlate(releases, apps)
    )
    of_robot = later.where(newer.c.robot == releases.c.robot)
    found = (
        select(
            releases.c.id,
            later.scalar_subquery().label("newest"),
            of_robot.scalar_subquery().label("of_robot"),
        )
        .join(apps, apps.c.id == releases.c.app_id)
        .where(releases.c.id.in_(bindparam("ids", expanding=True)))
        .where(releases.c.kind == Kind.UPLOAD)
        .where(apps.c.platform.in_(bindparam("platforms", expanding=True)))
        .subquery()
    )
    successor = releases.alias()
    columns = (found.c.id, found.c.of_robot, successor.c.id.label("successor"), successor.c.version)
    newest = func.coalesce(found.c.of_robot, found.c.newest)
    return select(*columns).join(successor, successor.c.id == newest)


def trial_code(db: Reader, app_id: int) -> int | None:
    """Return the newest upload of an app that has a QR code; None if there is none."""
    newest: int | None = db.connection.scalar(
        select(func.max(qr_codes.c.release_id)).where(
            qr_codes.c.app_id == app_id, qr_codes.c.kind == Kind.UPLOAD
        )
    )
    return newest
