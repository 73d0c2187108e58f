"""Queries about sealed secrets; what is in them is known to the vault alone."""

from sqlalchemy import delete, insert, select

from mprelease.storage.database import Reader, Writer
from mprelease.storage.tables import secrets


def put(
    db: Writer, owner: str, name: str, sealed: bytes, now: int, *, bound_to: str | None = None
) -> None:
    """Keep a secret in place of the owner's former one of this name."""
    drop(db, owner, name)
    values = {"name": name, "sealed": sealed, "created_at": now, "bound_to": bound_to}
    db.connection.execute(insert(secrets).values(owner=owner, **values))


def sealed(db: Reader, owner: str, *, at: str | None = None) -> dict[str, bytes]:
    """Return the owner's secrets by name, sealed; with `at` without those bound to elsewhere."""
    query = select(secrets.c.name, secrets.c.sealed).where(secrets.c.owner == owner)
    if at is not None:
        query = query.where(secrets.c.bound_to.is_(None) | (secrets.c.bound_to == at))
    return {row.name: row.sealed for row in db.connection.execute(query)}


def places(db: Reader) -> dict[str, list[tuple[str, str | None]]]:
    """Return for each owner the names of its secrets, and to where each may be sent alone."""
    found: dict[str, list[tuple[str, str | None]]] = {}
    query = select(secrets.c.owner, secrets.c.name, secrets.c.bound_to)
    for owner, name, bound_to in db.connection.execute(query):
        found.setdefault(owner, []).append((name, bound_to))
    return found


def kept_at(db: Reader, owner: str, name: str) -> int | None:
    """Return since when a secret is kept, in ms; None for none."""
    query = select(secrets.c.created_at).where(secrets.c.owner == owner, secrets.c.name == name)
    at: int | None = db.connection.scalar(query)
    return at


def drop(db: Writer, owner: str, name: str | None = None) -> None:
    """Forget one secret of an owner, or all of them."""
    statement = delete(secrets).where(secrets.c.owner == owner)
    if name is not None:
        statement = statement.where(secrets.c.name == name)
    db.connection.execute(statement)
