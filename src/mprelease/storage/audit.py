"""The record of deeds."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Column, insert, select

from mprelease.storage.database import Reader, Writer
from mprelease.storage.tables import audit


@dataclass(frozen=True)
class AuditEntry:
    """One deed: when (ms since the epoch), who, what, to which noun, with which details.

    Who and noun are named by their ids as well, where they have some.
    """

    at: int
    who: str
    deed: str
    subject: str
    details: Mapping[str, object]
    who_id: int | None = None
    subject_id: int | None = None


def write(db: Writer, deed: AuditEntry) -> None:
    """Add a deed; it stands or falls with the transaction that did it."""
    db.connection.execute(
        insert(audit).values(
            at=deed.at,
            who=deed.who,
            deed=deed.deed,
            subject=deed.subject,
            details=dict(deed.details),
            who_id=deed.who_id,
            subject_id=deed.subject_id,
        )
    )


def every(db: Reader) -> list[AuditEntry]:
    """List all deeds, oldest first."""
    rows = db.connection.execute(select(*_columns()).order_by(audit.c.id))
    return [AuditEntry(*row) for row in rows]


def newest(db: Reader, before: int | None, limit: int) -> list[tuple[int, AuditEntry]]:
    """List the newest deeds with their numbers, those before a number if one is given."""
    query = select(audit.c.id, *_columns()).order_by(audit.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.id < before)
    return [(row.id, AuditEntry(*row[1:])) for row in db.connection.execute(query)]


def _columns() -> list[Column[Any]]:
    return [audit.c[column.name] for column in fields(AuditEntry)]
