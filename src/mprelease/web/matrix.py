"""The home page's matrix: sections with a row for each app, and its newest releases by kind."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mprelease.domain.releases import Kind, Release
from mprelease.domain.users import User
from mprelease.storage import cells, favourites, lists
from mprelease.storage.cells import Cell
from mprelease.storage.database import Reader
from mprelease.storage.lists import AppSummary, ProjectSection, Search

FOLDS_COOKIE = "folds"
_FOLD = re.compile(r"(\d{1,18})([+-])")
_MOST_FOLDS = 1000
# Sections beyond so many rows are folded until they are opened.
_ROWS = 30
# With fewer apps than this, all rows are near enough without a section of one's own.
_FEW = 12
_OWN = 6
_LAST_RELEASES = 40
_FOUND = 60


@dataclass(frozen=True)
class Row:
    """An app in the matrix; `project` is shown where a section has apps of several projects."""

    app: AppSummary
    project: str
    cells: Mapping[Kind, Cell]
    is_starred: bool


@dataclass(frozen=True)
class Section:
    """Apps under one title: a project's, or by `title` (a message id) those of a person.

    A folded section has no rows. `count` is the number of its apps.
    """

    title: str
    project: str
    id: int
    count: int
    rows: Sequence[Row]
    is_open: bool


@dataclass(frozen=True)
class OwnApps:
    """The apps of the first section, by id, and the ids of all starred ones."""

    title: str
    ids: Sequence[int]
    starred: frozenset[int]


@dataclass(frozen=True)
class _Group:
    title: str
    project: str
    id: int
    apps: Sequence[tuple[AppSummary, str]]
    is_open: bool


def folds_in(cookie: str) -> dict[int, bool]:
    """Return which sections a browser has opened (True) and folded, by project id."""
    found = _FOLD.findall(cookie)[:_MOST_FOLDS]
    return {int(number): mark == "+" for number, mark in found}


def own_apps(
    db: Reader, sections: Sequence[ProjectSection], user: User, recent: Sequence[Release]
) -> OwnApps:
    """Return the apps that a user has starred, or else has used lately, or others have."""
    starred = favourites.of_user(db, user.id)
    own = lists.search(db, Search(person=user.name, limit=_LAST_RELEASES), with_stages=False)
    known = {app.id for section in sections for app in section.apps}
    if starred & known:
        return OwnApps("web.favourites", [*starred], starred)
    if len(known) <= _FEW:
        return OwnApps("", (), starred)
    for title, last in (("web.own_apps", own), ("web.last_apps", recent)):
        ids = [each for each in dict.fromkeys(one.app_id for one in last) if each in known]
        if ids:
            return OwnApps(title, ids[:_OWN], starred)
    return OwnApps("", (), starred)


def matrix(
    db: Reader, sections: Sequence[ProjectSection], own: OwnApps, folds: Mapping[int, bool]
) -> list[Section]:
    """Return the sections of a user: the user's own apps first, then each project."""
    every = {app.id: (app, section.name) for section in sections for app in section.apps}
    first = [every[each] for each in own.ids if each in every]
    # A favourite stands in its own section only; apps that were used lately also in their project.
    listed = own.starred if own.ids else frozenset()
    if own.starred & every.keys():
        first.sort(key=lambda one: one[0].name)
    groups = [_Group(own.title, "", 0, first, is_open=True)] if first else []
    left = _ROWS - len(first)
    for section in sections:
        apps = [(app, section.name) for app in section.apps if app.id not in listed]
        if not apps:
            continue
        is_open = folds.get(section.id, left >= len(apps))
        # Beyond the first section that is too long, all are folded.
        left = left - len(apps) if is_open or section.id in folds else 0
        groups.append(_Group("", section.name, section.id, apps, is_open))
    return _with_cells(db, groups, own.starred)


def found(
    db: Reader, sections: Sequence[ProjectSection], user_id: int, text: str
) -> tuple[list[Section], bool]:
    """Return the apps with a text in app, project or a shown branch, and whether there are more."""
    starred, wanted = favourites.of_user(db, user_id), text.casefold()
    every = [(app, section.name) for section in sections for app in section.apps]
    known = cells.cells(db, [app.id for app, _ in every])
    matching = [
        (app, project)
        for app, project in every
        if any(
            wanted in each.casefold() for each in (app.name, project, *_refs(known.get(app.id, {})))
        )
    ]
    shown = matching[:_FOUND]
    rows = [Row(app, project, known.get(app.id, {}), app.id in starred) for app, project in shown]
    section = Section("web.found_apps", "", 0, len(matching), rows, is_open=True)
    return ([section] if rows else []), len(matching) > _FOUND


def by_cell(releases: Iterable[Release]) -> dict[tuple[int, Kind], list[Release]]:
    """Return unfinished releases by app and kind."""
    running: dict[tuple[int, Kind], list[Release]] = {}
    for release in releases:
        running.setdefault((release.app_id, release.kind), []).append(release)
    return running


def _refs(of_app: Mapping[Kind, Cell]) -> list[str]:
    return [each.ref for cell in of_app.values() for each in (cell.shown, cell.newest)]


def _with_cells(db: Reader, groups: Sequence[_Group], starred: frozenset[int]) -> list[Section]:
    shown = {app.id for group in groups if group.is_open for app, _ in group.apps}
    known = cells.cells(db, shown)
    return [
        Section(
            group.title,
            group.project,
            group.id,
            len(group.apps),
            [
                Row(app, "" if group.project else project, known.get(app.id, {}), app.id in starred)
                for app, project in (group.apps if group.is_open else ())
            ],
            group.is_open,
        )
        for group in groups
    ]
