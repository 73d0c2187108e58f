"""Deeds at the door: logging in and out, and the tokens of programs."""

from dataclasses import dataclass

from mprelease.domain.errors import Refused
from mprelease.domain.people import User
from mprelease.domain.problems import Problem
from mprelease.security import passwords, tokens
from mprelease.services import input as typed
from mprelease.services.house import Did, House, record
from mprelease.storage import keys, users
from mprelease.storage.keys import Key, KeyKind

DAY_MS = 86_400_000
_LOGIN_MS = DAY_MS // 2
_REMEMBERED_MS = 30 * DAY_MS
_LONGEST_TOKEN_DAYS = 366
# Who was here is written down once a minute: looking at a page should not be a write.
_SEEN_MS = 60_000


@dataclass(frozen=True)
class Visit:
    """Somebody who has come in, and by which key."""

    user: User
    key: Key


@dataclass(frozen=True)
class Account:
    """A user by number, and what changes with the password and gives nothing of it away."""

    user_id: int
    stamp: str


def account(house: House, name: str) -> Account | None:
    """Return the account of this name as it is now, None where nobody has it."""
    with house.database.reading() as db:
        user = users.named(db, name)
        stored = users.password_of(db, user.id) if user else ""
    return Account(user.id, house.vault.fingerprint(f"password/{stored}")) if user else None


def log_in(
    house: House, name: str, password: str, *, remember: bool, browser: str
) -> tuple[str, int]:
    """Return a new login's secret and for how many ms it is good; raise Refused(LOGIN_WRONG).

    It is the same refusal, after the same time, whether the name or the password is wrong.
    """
    with house.database.reading() as db:
        user = users.named(db, name)
        stored = users.password_of(db, user.id) if user else None
    if user is None or stored is None:
        passwords.waste_time(password)
        raise Refused(Problem.LOGIN_WRONG)
    if not passwords.is_right(password, stored) or user.is_disabled:
        raise Refused(Problem.LOGIN_WRONG)
    ttl = _REMEMBERED_MS if remember else _LOGIN_MS
    return _key(house, user, KeyKind.LOGIN, browser[:100], ttl, stored), ttl


def visit(house: House, secret: str, kind: KeyKind) -> Visit | None:
    """Return who comes with this secret, None when it opens nothing."""
    with house.database.reading() as db:
        found = keys.holder(db, tokens.digest(secret))
    if found is None or found[1].kind is not kind:
        return None
    user, key = found
    if house.now() - (key.used_at or 0) > _SEEN_MS:
        with house.database.writing() as db:
            keys.used(db, key, user.id)
    return Visit(user, key)


def log_out(house: House, visit: Visit) -> None:
    """End this login."""
    with house.database.writing() as db:
        keys.remove(db, visit.user.id, visit.key.id)


def add_token(house: House, who: User, name: str, days: int) -> str:
    """Return a new personal token for a program, to be shown once."""
    if not 1 <= days <= _LONGEST_TOKEN_DAYS:
        raise Refused(Problem.TOKEN_LIFETIME, longest=_LONGEST_TOKEN_DAYS)
    secret = _key(house, who, KeyKind.TOKEN, typed.name(name), days * DAY_MS)
    with house.database.writing() as db:
        record(db, house, who.actor, Did("token.add", name, {"days": days}))
    return secret


def remove_token(house: House, who: User, key_id: int) -> None:
    """Revoke one of one's own tokens or logins."""
    with house.database.writing() as db:
        if keys.remove(db, who.id, key_id):
            record(db, house, who.actor, Did("token.remove", str(key_id), subject_id=key_id))


def _key(  # noqa: PLR0917 what a key is made of
    house: House, user: User, kind: KeyKind, name: str, ttl: int, password: str | None = None
) -> str:
    """Make a key; raise Refused(LOGIN_WRONG) when its holder has just been changed."""
    secret = tokens.new_token()
    with house.database.writing() as db:
        users.locked(db, user.id)
        now = users.by_id(db, user.id)
        is_same = now and (now.role, now.is_disabled) == (user.role, user.is_disabled)
        if not is_same or password not in {None, users.password_of(db, user.id)}:
            raise Refused(Problem.LOGIN_WRONG)
        keys.add(
            db,
            user.id,
            kind,
            name,
            digest=tokens.digest(secret),
            csrf=tokens.new_token(),
            ttl=ttl,
        )
    return secret
