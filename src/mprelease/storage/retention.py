"""Queries about releases, logs and QR codes that are too old, or too many, and about sizes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, exists, func, select, text

from mprelease.domain.releases import Kind, State
from mprelease.storage.database import Database, Reader, Writer
from mprelease.storage.tables import log_chunks, qr_codes, releases, shares

_FINAL = (State.SUCCEEDED, State.FAILED, State.CANCELED)
# SQLite gives pages back in small transactions, so that releases never wait long for the lock.
_PAGES_AT_ONCE = 2000
_LITTLE = 16 << 20
_INCREMENTAL = 2


@dataclass(frozen=True)
class Sizes:
    """The number of releases, logs and QR codes; bytes of the last two, and of the database."""

    releases: int
    logs: int
    log_bytes: int
    qr_codes: int
    qr_bytes: int
    database_bytes: int


def too_old(db: Reader, before: int, limit: int) -> list[int]:
    """List releases that ended before a time (ms) and may be removed, the oldest first."""
    return _ids(db, _removable().where(_ended_at() < before).limit(limit))


def too_many(db: Reader, kept: int, limit: int) -> list[int]:
    """List releases beyond the `kept` newest of their app that may be removed, oldest first."""
    found: list[int] = []
    shown = releases.c.deleted_at.is_(None)
    counts = select(releases.c.app_id).where(shown).group_by(releases.c.app_id)
    for app_id in db.connection.scalars(counts.having(func.count() > kept)).all():
        mine = select(releases.c.id).where(shown, releases.c.app_id == app_id)
        newest = mine.order_by(releases.c.id.desc()).offset(kept - 1).limit(1)
        oldest_kept = db.connection.scalar(newest)
        surplus = _removable().where(releases.c.app_id == app_id, releases.c.id < oldest_kept)
        found += _ids(db, surplus.limit(limit - len(found)))
        if len(found) >= limit:
            break
    return found


def with_old_logs(db: Reader, before: int, limit: int) -> list[int]:
    """List releases that ended before a time (ms), have a log and need not keep it."""
    return _with_old(db, log_chunks, before, limit)


def with_old_codes(db: Reader, before: int, limit: int) -> list[int]:
    """List releases that ended before a time (ms), have a QR code and need not keep it."""
    return _with_old(db, qr_codes, before, limit, ~releases.c.id.in_(_newest_uploads()))


def remove_logs(db: Writer, release_ids: Sequence[int]) -> None:
    """Delete the logs of releases."""
    db.connection.execute(log_chunks.delete().where(log_chunks.c.release_id.in_(release_ids)))


def remove_codes(db: Writer, release_ids: Sequence[int]) -> None:
    """Delete the QR codes of releases, with their shares."""
    for table in (qr_codes, shares):
        db.connection.execute(table.delete().where(table.c.release_id.in_(release_ids)))


def sizes(db: Reader, backend: str) -> Sizes:
    """Count the rows, and measure them."""
    count = select(func.count()).select_from(releases).where(releases.c.deleted_at.is_(None))
    logs = select(
        func.count(log_chunks.c.release_id.distinct()), func.sum(func.length(log_chunks.c.body))
    )
    codes = select(func.count(), func.sum(func.length(qr_codes.c.image)))
    log_count, log_bytes = db.connection.execute(logs).one()
    code_count, code_bytes = db.connection.execute(codes).one()
    return Sizes(
        int(db.connection.scalar(count) or 0),
        int(log_count),
        int(log_bytes or 0),
        int(code_count),
        int(code_bytes or 0),
        int(db.connection.scalar(text(_WHOLE[backend])) or 0),
    )


def removed_bytes(db: Reader, release_ids: Sequence[int]) -> int:
    """Return the bytes of the logs and QR codes of releases."""
    total = 0
    for table, content in ((log_chunks, log_chunks.c.body), (qr_codes, qr_codes.c.image)):
        length = select(func.sum(func.length(content)))
        total += int(db.connection.scalar(length.where(table.c.release_id.in_(release_ids))) or 0)
    return total


def give_back(database: Database) -> None:
    """Return free pages of an SQLite file to the disk; servers reuse their own free space.

    A file of an earlier version is rewritten once, when that frees much of it.
    """
    if not database.is_sqlite:
        return
    with database.reading() as db:
        pages, free, size, mode = (
            int(db.connection.scalar(text(f"PRAGMA {name}")) or 0)
            for name in ("page_count", "freelist_count", "page_size", "auto_vacuum")
        )
    if mode == _INCREMENTAL:
        for _ in range(0, free, _PAGES_AT_ONCE):
            database.shorten(_PAGES_AT_ONCE)
    elif free * size > _LITTLE and free * 4 > pages:
        database.rewrite()
    database.checkpoint()


_WHOLE = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
    "postgresql": "SELECT pg_database_size(current_database())",
    "mysql": (
        "SELECT SUM(data_length + index_length) FROM information_schema.tables "
        "WHERE table_schema = DATABASE()"
    ),
}
_WHOLE["mariadb"] = _WHOLE["mysql"]


def _with_old(
    db: Reader, table: Table, before: int, limit: int, *more: ColumnElement[bool]
) -> list[int]:
    has = exists().where(table.c.release_id == releases.c.id)
    query = select(releases.c.id).where(
        releases.c.state.in_(_FINAL), releases.c.kept.is_(False), _ended_at() < before, has, *more
    )
    return _ids(db, query.order_by(releases.c.id).limit(limit))


def _removable() -> Select[Any]:
    """Select releases that have ended, are not kept, and are not the newest uploads."""
    return (
        select(releases.c.id)
        .where(
            releases.c.deleted_at.is_(None),
            releases.c.state.in_(_FINAL),
            releases.c.kept.is_(False),
            ~releases.c.id.in_(_newest_uploads()),
        )
        .order_by(releases.c.id)
    )


def _newest_uploads() -> Select[Any]:
    """Select the newest upload of each app, robot and state, so also the newest successful one."""
    # An alias: MySQL cannot correlate a table with itself in a subquery of the same name.
    each = releases.alias("each")
    shown = (each.c.kind == Kind.UPLOAD) & each.c.deleted_at.is_(None)
    newest = select(func.max(each.c.id)).where(shown)
    return newest.group_by(each.c.app_id, each.c.robot, each.c.state)


def _ended_at() -> ColumnElement[Any]:
    return func.coalesce(releases.c.ended_at, releases.c.created_at)


def _ids(db: Reader, query: Select[Any]) -> list[int]:
    return [int(each) for each in db.connection.scalars(query)]
