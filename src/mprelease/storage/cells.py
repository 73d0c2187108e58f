"""What the home page shows of apps: the newest releases of each kind, and those with a code."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, select, union_all

from mprelease.domain.codes import Code
from mprelease.domain.newer_values import known_or_newer
from mprelease.domain.releases import Kind, State
from mprelease.storage.database import Reader
from mprelease.storage.releases import code_of
from mprelease.storage.tables import apps, qr_codes, releases


@dataclass(frozen=True)
class ReleaseSummary:
    """A release, with what distinguishes it from others of its app; `since` in ms since the epoch.

    `since` is its end, or before it has ended, when it was requested.
    """

    id: int
    kind: Kind
    state: State
    ref: str
    version: str | None
    requested_by: str
    since: int
    commit: str | None
    subject: str
    code: Code | None


@dataclass(frozen=True)
class Cell:
    """The newest release of an app and kind, and the newest one that has a QR code."""

    newest: ReleaseSummary
    with_code: ReleaseSummary | None

    @property
    def shown(self) -> ReleaseSummary:
        """Return the release that the cell is about: the one that can be scanned, if any."""
        return self.with_code or self.newest

    @property
    def later(self) -> ReleaseSummary | None:
        """Return the newest release if it is newer than the shown one."""
        return self.newest if self.newest.id > self.shown.id else None


def cells(db: Reader, app_ids: Collection[int]) -> Mapping[int, Mapping[Kind, Cell]]:
    """Return by app and kind what is newest; indexes answer it without reading other releases."""
    found: dict[int, dict[Kind, list[ReleaseSummary]]] = defaultdict(lambda: defaultdict(list))
    for row in db.connection.execute(_newest(), {"ids": list(app_ids)}):
        one = _summary(row)
        found[row.app_id][one.kind].append(one)
    return {
        app_id: {kind: _cell(listed) for kind, listed in by_kind.items()}
        for app_id, by_kind in found.items()
    }


def _cell(listed: list[ReleaseSummary]) -> Cell:
    coded = [one for one in listed if one.code]
    newest = max(listed, key=lambda one: one.id)
    return Cell(newest, max(coded, key=lambda one: one.id, default=None))


def _summary(row: Row[Any]) -> ReleaseSummary:
    commit = row.commit or {}
    return ReleaseSummary(
        row.id,
        known_or_newer(Kind, row.kind),
        known_or_newer(State, row.state),
        row.ref_name or row.ref,
        row.version,
        row.requested_by,
        row.ended_at or row.created_at,
        commit.get("id"),
        commit.get("subject", ""),
        code_of(row) if row.made_at is not None else None,
    )


@cache
def _newest() -> Select[Any]:
    parts = []
    for kind in Kind:
        of_kind = (
            select(releases.c.id)
            .where(releases.c.app_id == apps.c.id, releases.c.kind == kind)
            .where(releases.c.deleted_at.is_(None))
            .order_by(releases.c.id.desc())
            .limit(1)
        )
        coded = select(func.max(qr_codes.c.release_id)).where(
            qr_codes.c.app_id == apps.c.id, qr_codes.c.kind == kind
        )
        parts += [
            select(one.correlate(apps).scalar_subquery().label("id")).where(
                apps.c.id.in_(bindparam("ids", expanding=True))
            )
            for one in (of_kind, coded)
        ]
    ids = union_all(*parts).subquery()
    of_release = ["id", "app_id", "kind", "state", "ref", "ref_name", "version"]
    of_release += ["requested_by", "created_at", "ended_at", "commit"]
    columns = [releases.c[name] for name in of_release]
    columns += [qr_codes.c[name] for name in ("made_at", "validity", "expires_at")]
    query = select(*columns).where(releases.c.id.in_(select(ids.c.id)))
    return query.outerjoin(qr_codes, qr_codes.c.release_id == releases.c.id)
