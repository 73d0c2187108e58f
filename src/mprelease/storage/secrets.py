"""Queries about sealed secrets; only the vault can decrypt them."""

from sqlalchemy import delete, insert, select

from mprelease.storage.database import Reader, Writer
from mprelease.storage.tables import secrets


def put(
    db: Writer, owner: str, name: str, sealed: bytes, now: int, *, bound_to: str | None = None
) -> None:
    """Store a secret, replacing the owner's secret of this name.

    `bound_to` is the only scheme, host and port to which it may be sent; None means any.
    """
    drop(db, owner, name)
    values = {"name": name, "sealed": sealed, "created_at": now, "bound_to": bound_to}
    db.connection.execute(insert(secrets).values(owner=owner, **values))


def sealed(db: Reader, owner: str, *, at: str | None = None) -> dict[str, bytes]:
    """Return the owner's sealed secrets by name; with `at` without those bound to another host."""
    query = select(secrets.c.name, secrets.c.sealed).where(secrets.c.owner == owner)
    if at is not None:
        query = query.where(secrets.c.bound_to.is_(None) | (secrets.c.bound_to == at))
    return {row.name: row.sealed for row in db.connection.execute(query)}


def newest(db: Reader, limit: int) -> list[tuple[str, str, bytes]]:
    """Return owner, name and sealed content of the secrets that were stored last."""
    query = select(secrets.c.owner, secrets.c.name, secrets.c.sealed)
    rows = db.connection.execute(query.order_by(secrets.c.created_at.desc()).limit(limit))
    return [(row.owner, row.name, row.sealed) for row in rows]


def bindings(db: Reader) -> dict[str, list[tuple[str, str | None]]]:
    """Return by owner the name and `bound_to` of each secret."""
    by_owner: dict[str, list[tuple[str, str | None]]] = {}
    query = select(secrets.c.owner, secrets.c.name, secrets.c.bound_to)
    for owner, name, bound_to in db.connection.execute(query):
        by_owner.setdefault(owner, []).append((name, bound_to))
    return by_owner


def kept_at(db: Reader, owner: str, name: str) -> int | None:
    """Return when a secret was stored, in ms since the epoch; None if there is none."""
    query = select(secrets.c.created_at).where(secrets.c.owner == owner, secrets.c.name == name)
    at: int | None = db.connection.scalar(query)
    return at


def drop(db: Writer, owner: str, name: str | None = None) -> None:
    """Delete one secret of an owner, or all of them."""
    statement = delete(secrets).where(secrets.c.owner == owner)
    if name is not None:
        statement = statement.where(secrets.c.name == name)
    db.connection.execute(statement)
