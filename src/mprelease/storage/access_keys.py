"""Queries about access keys: logins of browsers and tokens of programs."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, delete, func, insert, select, update

from mprelease.domain.newer_values import known_or_newer
from mprelease.domain.users import Role, User
from mprelease.storage.clock import now_ms
from mprelease.storage.database import Reader, Writer, new_id
from mprelease.storage.tables import access_keys, users
from mprelease.storage.users import user_from

# Databases limit the number of parameters of one statement.
_IDS_PER_STATEMENT = 500


class KeyKind(StrEnum):
    """What a key is for: the login of a browser, or a program that acts for a user."""

    LOGIN = "login"
    TOKEN = "token"  # noqa: S105 the name of a kind


@dataclass(frozen=True)
class AccessKey:
    """One key; times in ms since the epoch. `csrf` is the token that a login's forms send."""

    id: int
    kind: KeyKind
    name: str
    csrf: str
    created_at: int
    expires_at: int
    used_at: int | None


@dataclass(frozen=True)
class KeyHolder:
    """A valid key, its user, and the time in ms since its last recorded use; large without one."""

    user: User
    key: AccessKey
    unused_ms: int


def add(
    db: Writer, user_id: int, kind: KeyKind, name: str, *, digest: str, csrf: str, ttl: int
) -> int:
    """Insert a key that is valid for `ttl` ms, delete expired keys of this user, return its id."""
    of_this_user = access_keys.c.user_id == user_id
    expired = delete(access_keys).where(of_this_user, access_keys.c.expires_at < now_ms())
    db.connection.execute(expired)
    result = db.connection.execute(
        insert(access_keys).values(
            user_id=user_id,
            kind=kind,
            name=name,
            digest=digest,
            csrf=csrf,
            created_at=now_ms(),
            expires_at=now_ms() + ttl,
        )
    )
    return new_id(result)


def holder(db: Reader, digest: str) -> KeyHolder | None:
    """Return the valid key with this digest, and its user if not disabled; else None."""
    row = db.connection.execute(_holder(), {"given": digest}).first()
    return KeyHolder(user_from(row), _key(row), int(row.unused)) if row else None


# For every request: building the query takes longer than SQLite needs to answer it.
@cache
def _holder() -> Select[Any]:
    unused = now_ms() - func.coalesce(access_keys.c.used_at, 0)
    return (
        select(users, *_columns(), unused.label("unused"))
        .join(access_keys)
        .where(
            access_keys.c.digest == bindparam("given"),
            access_keys.c.expires_at > now_ms(),
            users.c.disabled.is_(False),
        )
    )


def current_roles(db: Reader, key_ids: Collection[int]) -> dict[int, Role]:
    """Return the present role of the user of each of these keys that is still valid."""
    roles: dict[int, Role] = {}
    wanted = sorted(key_ids)
    for start in range(0, len(wanted), _IDS_PER_STATEMENT):
        rows = db.connection.execute(
            select(access_keys.c.id, users.c.role)
            .join(users)
            .where(access_keys.c.id.in_(wanted[start : start + _IDS_PER_STATEMENT]))
            .where(access_keys.c.expires_at > now_ms(), users.c.disabled.is_(False))
        )
        roles |= {row.id: known_or_newer(Role, row.role) for row in rows}
    return roles


def of_user(db: Reader, user_id: int, kind: KeyKind) -> list[AccessKey]:
    """List the valid keys of a user, newest first."""
    rows = db.connection.execute(
        select(*_columns())
        .where(
            access_keys.c.user_id == user_id,
            access_keys.c.kind == kind,
            access_keys.c.expires_at > now_ms(),
        )
        .order_by(access_keys.c.id.desc())
    )
    return [_key(row) for row in rows]


def record_use(db: Writer, key: AccessKey, user_id: int) -> None:
    """Set the time when a key was last used and its user last seen.

    Nothing is changed, and nothing waited for, if another transaction has locked one of the rows.
    """
    mine = select(access_keys.c.id).join(users).where(access_keys.c.id == key.id)
    is_free = db.connection.execute(mine.with_for_update(skip_locked=True, key_share=True)).first()
    if not is_free:
        return
    db.connection.execute(
        update(access_keys).where(access_keys.c.id == key.id).values(used_at=now_ms())
    )
    db.connection.execute(update(users).where(users.c.id == user_id).values(seen_at=now_ms()))


def remove(db: Writer, user_id: int, key_id: int) -> bool:
    """Delete a key of a user; return False if the user has no such key."""
    mine = (access_keys.c.id == key_id) & (access_keys.c.user_id == user_id)
    return db.connection.execute(delete(access_keys).where(mine)).rowcount == 1


def remove_all(db: Writer, user_id: int, but: int | None = None) -> None:
    """Delete all keys of a user, except the one with the id `but`."""
    query = delete(access_keys).where(access_keys.c.user_id == user_id)
    db.connection.execute(query if but is None else query.where(access_keys.c.id != but))


def _columns() -> list[Any]:
    names = ("kind", "name", "csrf", "created_at", "expires_at", "used_at")
    return [
        access_keys.c.id.label("key_id"),
        *(access_keys.c[name].label(f"key_{name}") for name in names),
    ]


def _key(row: Any) -> AccessKey:
    return AccessKey(
        id=row.key_id,
        kind=known_or_newer(KeyKind, row.key_kind),
        name=row.key_name,
        csrf=row.key_csrf,
        created_at=row.key_created_at,
        expires_at=row.key_expires_at,
        used_at=row.key_used_at,
    )
