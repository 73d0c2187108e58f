"""Queries about users, their reserved names and avatars."""

from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from mprelease.domain.names import name_key
from mprelease.domain.newer_values import known_or_newer
from mprelease.domain.users import Role, User
from mprelease.storage.database import Reader, Writer, new_id
from mprelease.storage.tables import avatars, users
from mprelease.storage.tables import user_names as names


def add(db: Writer, name: str, role: Role, password: str, now: int) -> int:
    """Insert a new user with a hashed password; return its id.

    Raise IntegrityError if the name is taken.
    """
    values = {"name": name, "role": role, "password": password, "disabled": False}
    result = db.connection.execute(insert(users).values(**values, **_id(db), created_at=now))
    return new_id(result)


def _id(db: Reader) -> dict[str, int]:
    """Return an id that was never used, for SQLite, which would reuse that of a removed user."""
    if db.connection.dialect.name != "sqlite":
        return {}
    used = (select(func.max(column)).scalar_subquery() for column in (users.c.id, names.c.user_id))
    newest = db.connection.execute(select(*used)).one()
    return {"id": max(filter(None, newest), default=0) + 1}


def by_id(db: Reader, user_id: int) -> User | None:
    """Return the user with this id; None if there is none."""
    row = db.connection.execute(select(users).where(users.c.id == user_id)).first()
    return user_from(row) if row else None


def by_name(db: Reader, name: str) -> User | None:
    """Return the user with this name; None if there is none."""
    row = db.connection.execute(select(users).where(users.c.name == name)).first()
    return user_from(row) if row else None


def is_taken(db: Reader, name: str, user_id: int | None = None) -> bool:
    """Return whether another user has, or had, a name with the same `name_key`."""
    key = name_key(name)
    holder = db.connection.execute(select(names.c.user_id).where(names.c.name_key == key)).first()
    if holder and (holder.user_id is None or holder.user_id != user_id):
        return True
    # An older node may have added a user without an entry in user_names.
    return any(name_key(user.name) == key for user in every(db) if user.id != user_id)


def take(db: Writer, name: str, user_id: int) -> bool:
    """Reserve a name, and all with the same `name_key`, for one user for ever.

    Return False if it is reserved for another user; raise IntegrityError if another transaction
    reserves it at the same time.
    """
    key = name_key(name)
    holder = db.connection.execute(select(names.c.user_id).where(names.c.name_key == key)).first()
    if holder is None:
        db.connection.execute(insert(names).values(name_key=key, user_id=user_id))
    return holder is None or holder.user_id == user_id


def password_of(db: Reader, user_id: int) -> str:
    """Return the stored password hash of a user."""
    return str(db.connection.scalar(select(users.c.password).where(users.c.id == user_id)))


def every(db: Reader) -> list[User]:
    """List all users by name."""
    return [user_from(row) for row in db.connection.execute(select(users).order_by(users.c.name))]


def has_super_admin(db: Reader) -> bool:
    """Return whether there is a super admin, which the first start creates."""
    query = select(users.c.id).where(users.c.role == Role.SUPER_ADMIN)
    return db.connection.scalar(query) is not None


def lock(db: Writer, user_id: int) -> None:
    """Lock the user's row until the end of the transaction, against lost updates."""
    db.connection.execute(select(users.c.id).where(users.c.id == user_id).with_for_update())


def change(db: Writer, user: User) -> bool:
    """Update name, role, robot, language and `disabled` of a user, and increment the revision.

    Return False if the user was changed since `user.revision`, or removed.
    """
    values = {
        "name": user.name,
        "role": user.role,
        "robot": user.robot,
        "language": user.language,
        "disabled": user.is_disabled,
        "revision": user.revision + 1,
    }
    same = (users.c.id == user.id) & (users.c.revision == user.revision)
    return db.connection.execute(update(users).where(same).values(values)).rowcount == 1


def set_password(db: Writer, user_id: int, password: str) -> None:
    """Store a hashed password."""
    db.connection.execute(update(users).where(users.c.id == user_id).values(password=password))


def set_avatar(db: Writer, user_id: int, image: bytes | None, now: int) -> None:
    """Replace a user's avatar; None removes it."""
    db.connection.execute(delete(avatars).where(avatars.c.user_id == user_id))
    if image is not None:
        db.connection.execute(insert(avatars).values(user_id=user_id, image=image))
    changed = update(users).where(users.c.id == user_id)
    db.connection.execute(changed.values(avatar_at=None if image is None else now))


def avatar(db: Reader, user_id: int) -> bytes | None:
    """Return a user's avatar; None if there is none."""
    query = select(avatars.c.image).where(avatars.c.user_id == user_id)
    image: bytes | None = db.connection.scalar(query)
    return image


def remove(db: Writer, user_id: int) -> None:
    """Delete a user, with all access keys and the avatar."""
    db.connection.execute(delete(users).where(users.c.id == user_id))


def user_from(row: Row[Any]) -> User:
    """Return the user of a row."""
    return User(
        id=row.id,
        name=row.name,
        role=known_or_newer(Role, row.role),
        robot=row.robot,
        language=row.language,
        is_disabled=row.disabled,
        created_at=row.created_at,
        seen_at=row.seen_at,
        avatar_at=row.avatar_at,
        revision=row.revision,
    )
