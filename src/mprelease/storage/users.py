"""Queries about the people who can log in."""

from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from mprelease.domain.names import name_key
from mprelease.domain.newer_values import known_or_newer
from mprelease.domain.users import Role, User
from mprelease.storage.database import Reader, Writer, new_id
from mprelease.storage.tables import avatars, users
from mprelease.storage.tables import user_names as names


def add(db: Writer, name: str, role: Role, password: str, now: int) -> int:
    """Write a new user with a hashed password; the name must be free. Return its number."""
    values = {"name": name, "role": role, "password": password, "disabled": False}
    result = db.connection.execute(insert(users).values(**values, **_number(db), created_at=now))
    return new_id(result)


def _number(db: Reader) -> dict[str, int]:
    """Return a number that nobody had before: SQLite alone would give a removed user's again."""
    if db.connection.dialect.name != "sqlite":
        return {}
    given = (select(func.max(column)).scalar_subquery() for column in (users.c.id, names.c.user_id))
    newest = db.connection.execute(select(*given)).one()
    return {"id": max(filter(None, newest), default=0) + 1}


def by_id(db: Reader, user_id: int) -> User | None:
    """Find a user by number."""
    row = db.connection.execute(select(users).where(users.c.id == user_id)).first()
    return user_from(row) if row else None


def by_name(db: Reader, name: str) -> User | None:
    """Find a user by name."""
    row = db.connection.execute(select(users).where(users.c.name == name)).first()
    return user_from(row) if row else None


def is_taken(db: Reader, name: str, user_id: int | None = None) -> bool:
    """Tell whether somebody but this user has, or had, a name that looks like this one."""
    key = name_key(name)
    holder = db.connection.execute(select(names.c.user_id).where(names.c.name_key == key)).first()
    if holder and (holder.user_id is None or holder.user_id != user_id):
        return True
    # An older node may have added somebody who is not among the names.
    return any(name_key(user.name) == key for user in every(db) if user.id != user_id)


def take(db: Writer, name: str, user_id: int) -> bool:
    """Keep a name, and all that look like it, for one user, for ever; False if it is another's.

    Of two who take it at once, one is told so, or meets an IntegrityError.
    """
    key = name_key(name)
    holder = db.connection.execute(select(names.c.user_id).where(names.c.name_key == key)).first()
    if holder is None:
        db.connection.execute(insert(names).values(name_key=key, user_id=user_id))
    return holder is None or holder.user_id == user_id


def password_of(db: Reader, user_id: int) -> str:
    """Return what is stored of a user's password."""
    return str(db.connection.scalar(select(users.c.password).where(users.c.id == user_id)))


def every(db: Reader) -> list[User]:
    """List all users by name."""
    return [user_from(row) for row in db.connection.execute(select(users).order_by(users.c.name))]


def has_super_admin(db: Reader) -> bool:
    """Tell whether the first start has been."""
    found = select(users.c.id).where(users.c.role == Role.SUPER_ADMIN)
    return db.connection.scalar(found) is not None


def locked(db: Writer, user_id: int) -> None:
    """Hold the user's row until the end of the transaction: nobody writes back what is old."""
    db.connection.execute(select(users.c.id).where(users.c.id == user_id).with_for_update())


def change(db: Writer, user: User) -> None:
    """Write what is known of a user, but the password."""
    values = {
        "name": user.name,
        "role": user.role,
        "robot": user.robot,
        "language": user.language,
        "disabled": user.is_disabled,
    }
    db.connection.execute(update(users).where(users.c.id == user.id).values(values))


def set_password(db: Writer, user_id: int, password: str) -> None:
    """Write a hashed password."""
    db.connection.execute(update(users).where(users.c.id == user_id).values(password=password))


def set_avatar(db: Writer, user_id: int, image: bytes | None, now: int) -> None:
    """Keep a user's picture in place of the former one, or none."""
    db.connection.execute(delete(avatars).where(avatars.c.user_id == user_id))
    if image is not None:
        db.connection.execute(insert(avatars).values(user_id=user_id, image=image))
    changed = update(users).where(users.c.id == user_id)
    db.connection.execute(changed.values(avatar_at=None if image is None else now))


def avatar(db: Reader, user_id: int) -> bytes | None:
    """Return a user's picture."""
    query = select(avatars.c.image).where(avatars.c.user_id == user_id)
    image: bytes | None = db.connection.scalar(query)
    return image


def remove(db: Writer, user_id: int) -> None:
    """Remove a user, with all keys."""
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
    )
