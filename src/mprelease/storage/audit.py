"""Queries about the audit log: which user did which action on which subject."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import Column, insert, select

from mprelease.storage.database import Reader, Writer
from mprelease.storage.tables import audit


@dataclass(frozen=True)
class AuditEntry:
    """One change: the action such as `app.edit`, its subject, and details without secrets.

    `at` is in ms since the epoch, `who` is the user's name at that time. The ids (None if there is
    none) identify user and subject also after a rename. `app_id` is the app that it concerns.
    """

    action: str
    subject: str
    details: Mapping[str, object] = field(default_factory=dict)
    subject_id: int | None = None
    at: int = 0
    who: str = ""
    who_id: int | None = None
    app_id: int | None = None


def write(db: Writer, entry: AuditEntry) -> None:
    """Insert an entry; to be called in the transaction that makes the change."""
    values = {column.name: getattr(entry, column.name) for column in fields(AuditEntry)}
    db.connection.execute(insert(audit).values(values | {"details": dict(entry.details)}))


def every(db: Reader) -> list[AuditEntry]:
    """List all entries, oldest first."""
    rows = db.connection.execute(select(*_columns()).order_by(audit.c.id))
    return [AuditEntry(*row) for row in rows]


def newest(
    db: Reader, before: int | None, limit: int, app_id: int | None = None
) -> list[tuple[int, AuditEntry]]:
    """List the newest entries with their ids; with `before` only entries with smaller ids.

    With `app_id` only those that concern this app.
    """
    query = select(audit.c.id, *_columns()).order_by(audit.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.id < before)
    if app_id is not None:
        query = query.where(audit.c.app_id == app_id)
    return [(row.id, AuditEntry(*row[1:])) for row in db.connection.execute(query)]


def _columns() -> list[Column[Any]]:
    return [audit.c[column.name] for column in fields(AuditEntry)]
