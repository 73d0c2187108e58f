"""Logging in and out, and the tokens of programs."""

import logging
from dataclasses import dataclass

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.users import User
from mprelease.schemas import validation as typed
from mprelease.security import passwords, tokens
from mprelease.services.context import ServiceContext, record
from mprelease.storage import access_keys, users
from mprelease.storage.access_keys import AccessKey, KeyHolder, KeyKind
from mprelease.storage.audit import AuditEntry
from mprelease.storage.outage import OUTAGE

_log = logging.getLogger(__name__)

DAY_MS = 86_400_000
_LOGIN_MS = DAY_MS // 2
_REMEMBERED_MS = 30 * DAY_MS
_LONGEST_TOKEN_DAYS = 366
# When a user was last seen is written once a minute: reading a page should not write each time.
_SEEN_MS = 60_000


@dataclass(frozen=True)
class Session:
    """A user who is logged in, and the access key that was used."""

    user: User
    key: AccessKey


@dataclass(frozen=True)
class LoginAccount:
    """The id of a user, and a value that changes with the password and does not reveal it."""

    user_id: int
    stamp: str


def account(services: ServiceContext, name: str) -> LoginAccount | None:
    """Return the account of this name, None if there is none."""
    with services.database.reading() as db:
        user = users.by_name(db, name)
        stored = users.password_of(db, user.id) if user else ""
    return LoginAccount(user.id, services.vault.fingerprint(f"password/{stored}")) if user else None


def log_in(
    services: ServiceContext, name: str, password: str, *, remember: bool, browser: str
) -> tuple[str, int]:
    """Return the secret of a new login and its lifetime in ms; raise Refused(LOGIN_WRONG).

    The refusal and its duration do not reveal whether the name or the password is wrong.
    """
    with services.database.reading() as db:
        user = users.by_name(db, name)
        stored = users.password_of(db, user.id) if user else None
    if user is None or stored is None:
        passwords.spend_verification_time(password)
        raise Refused(Problem.LOGIN_WRONG)
    if not passwords.matches(password, stored) or user.is_disabled:
        raise Refused(Problem.LOGIN_WRONG)
    ttl = _REMEMBERED_MS if remember else _LOGIN_MS
    return _key(services, user, KeyKind.LOGIN, browser[:100], ttl, stored), ttl


def find(services: ServiceContext, secret: str, kind: KeyKind) -> Session | None:
    """Return the session of a secret, None if it belongs to none."""
    with services.database.reading() as db:
        found = access_keys.holder(db, tokens.digest(secret))
    if found is None or found.key.kind is not kind:
        return None
    if found.unused_ms > _SEEN_MS:
        _record_use(services, found)
    return Session(found.user, found.key)


def _record_use(services: ServiceContext, found: KeyHolder) -> None:
    # Reading a page waits for no writer and does not fail with it; the next request tries again.
    try:
        with services.database.writing_at_once() as db:
            access_keys.record_use(db, found.key, found.user.id)
    except OUTAGE as outage:
        _log.debug("the use of an access key is not recorded: %s", outage)


def log_out(services: ServiceContext, find: Session) -> None:
    """End this login."""
    with services.database.writing() as db:
        access_keys.remove(db, find.user.id, find.key.id)


def add_token(services: ServiceContext, who: User, name: str, days: int) -> str:
    """Return a new personal token for a program, to be shown once."""
    if not 1 <= days <= _LONGEST_TOKEN_DAYS:
        raise Refused(Problem.TOKEN_LIFETIME, longest=_LONGEST_TOKEN_DAYS)
    secret = _key(services, who, KeyKind.TOKEN, typed.name(name), days * DAY_MS)
    with services.database.writing() as db:
        record(db, services, who.actor, AuditEntry("token.add", name, {"days": days}))
    return secret


def remove_token(services: ServiceContext, who: User, key_id: int) -> None:
    """Revoke one of one's own tokens or logins."""
    with services.database.writing() as db:
        if access_keys.remove(db, who.id, key_id):
            record(
                db, services, who.actor, AuditEntry("token.remove", str(key_id), subject_id=key_id)
            )


def _key(  # noqa: PLR0917 what a key is made of
    services: ServiceContext,
    user: User,
    kind: KeyKind,
    name: str,
    ttl: int,
    password: str | None = None,
) -> str:
    """Add an access key; raise Refused(LOGIN_WRONG) if its user has just been changed."""
    secret = tokens.new_token()
    with services.database.writing() as db:
        users.lock(db, user.id)
        now = users.by_id(db, user.id)
        is_same = now and (now.role, now.is_disabled) == (user.role, user.is_disabled)
        if not is_same or password not in {None, users.password_of(db, user.id)}:
            raise Refused(Problem.LOGIN_WRONG)
        access_keys.add(
            db,
            user.id,
            kind,
            name,
            digest=tokens.digest(secret),
            csrf=tokens.new_token(),
            ttl=ttl,
        )
    return secret
