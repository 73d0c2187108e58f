"""Operations on users."""

from collections.abc import Mapping
from dataclasses import replace

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.users import GRANTED, Actor, Role, User
from mprelease.platforms.registry import robots
from mprelease.schemas import validation as typed
from mprelease.schemas.users import NewUser, Profile, UserChange
from mprelease.security import passwords
from mprelease.services import avatars
from mprelease.services.context import ServiceContext, record
from mprelease.storage import access_keys, users
from mprelease.storage.audit import AuditEntry
from mprelease.storage.database import Reader, Writer, refusing_taken

FIRST = "admin"
_SHORTEST_PASSWORD = 8
_LONGEST_PASSWORD = 200
_ISSUED = "issued passwords"


def begin(services: ServiceContext, password: str | None) -> str | None:
    """Add the super administrator at the first start and return its password; None later on."""
    with services.database.reading() as db:
        if users.has_super_admin(db):
            return None
    chosen = _checked(password) if password else _issued(services)
    stored = passwords.hashed(chosen)
    with (
        refusing_taken(Refused(Problem.USER_EXISTS, name=FIRST)),
        services.database.writing() as db,
    ):
        if users.has_super_admin(db):
            return None
        user_id = users.add(db, FIRST, Role.SUPER_ADMIN, stored, services.now())
        users.take(db, FIRST, user_id)
        did = AuditEntry("user.add", FIRST, {"role": Role.SUPER_ADMIN}, user_id)
        record(db, services, Actor(FIRST, user_id), did)
    return chosen


def add(services: ServiceContext, who: Actor, new: NewUser) -> tuple[User, str]:
    """Add a user; return it with its password, a random one if none is given."""
    role = new.role
    _refuse_ungranted(role)
    checked = typed.name(new.name)
    chosen = _checked(new.password) if new.password else _issued(services)
    stored = passwords.hashed(chosen)
    taken = Refused(Problem.USER_EXISTS, name=checked)
    with refusing_taken(taken), services.database.writing() as db:
        if users.is_taken(db, checked):
            raise taken
        user_id = users.add(db, checked, role, stored, services.now())
        if not users.take(db, checked, user_id):
            raise taken
        record(db, services, who, AuditEntry("user.add", checked, {"role": role}, user_id))
        return get(db, user_id), chosen


def edit(services: ServiceContext, who: User, user_id: int, change: UserChange) -> User:
    """Change a user; a new role, or being disabled, ends the user's logins at once.

    Raise Refused(CHANGED_MEANWHILE) if the change names another revision than the user has.
    """
    taken = Refused(Problem.USER_EXISTS, name=change.name or "")
    with refusing_taken(taken), services.database.writing() as db:
        users.lock(db, user_id)
        before = get(db, user_id)
        _refuse_untouchable(who, before)
        _refuse_stale(change.revision, before)
        after = _changed(before, change)
        if before.role is Role.SUPER_ADMIN and replace(after, name=before.name) != before:
            raise Refused(Problem.SUPER_ADMIN_STAYS)
        _rename(db, before, after)
        _change(db, after)
        if (after.role, after.is_disabled) != (before.role, before.is_disabled):
            access_keys.remove_all(db, user_id)
        did = AuditEntry("user.edit", before.name, _told(before, after), user_id)
        record(db, services, who.actor, did)
        return get(db, user_id)


def set_profile(services: ServiceContext, who: User, profile: Profile) -> User:
    """Change a user's own profile; raise Refused(CHANGED_MEANWHILE) as `edit` does."""
    name = profile.name if profile.name == who.name else typed.name(profile.name)
    robot = None if profile.robot is None else typed.robot(profile.robot, robots())
    taken = Refused(Problem.USER_EXISTS, name=name)
    with refusing_taken(taken), services.database.writing() as db:
        users.lock(db, who.id)
        before = get(db, who.id)
        _refuse_stale(profile.revision, before)
        after = replace(before, name=name, robot=robot, language=profile.language)
        _rename(db, before, after)
        _change(db, after)
        record(
            db, services, who.actor, AuditEntry("user.profile", who.name, _told(who, after), who.id)
        )
        return get(db, who.id)


def set_avatar(services: ServiceContext, who: User, picture: bytes | None) -> None:
    """Set or remove a user's avatar; raise Refused(PICTURE_UNUSABLE)."""
    image = None if picture is None else avatars.avatar(picture)
    with services.database.writing() as db:
        users.set_avatar(db, who.id, image, services.now())
        record(db, services, who.actor, AuditEntry("user.avatar", who.name, subject_id=who.id))


def reset_password(
    services: ServiceContext, who: Actor, user_id: int, *, by: User | None = None
) -> str:
    """Set a random password, end all logins of the user, and return the password.

    `by` is the user who requests it, None for the command line; only the super administrator may
    reset the super administrator's.
    """
    password = _issued(services)
    stored = passwords.hashed(password)
    with services.database.writing() as db:
        user = get(db, user_id)
        if by:
            _refuse_untouchable(by, user)
        users.set_password(db, user_id, stored)
        access_keys.remove_all(db, user_id)
        record(db, services, who, AuditEntry("user.reset_password", user.name, subject_id=user.id))
    return password


def change_password(services: ServiceContext, who: User, key_id: int, old: str, new: str) -> None:
    """Change a user's own password; every other login and token of the user ends."""
    checked = _checked(new)
    with services.database.reading() as db:
        stored = users.password_of(db, who.id)
    if not passwords.matches(old, stored):
        raise Refused(Problem.PASSWORD_WRONG)
    hashed = passwords.hashed(checked)
    with services.database.writing() as db:
        users.set_password(db, who.id, hashed)
        access_keys.remove_all(db, who.id, but=key_id)
        did = AuditEntry("user.change_password", who.name, subject_id=who.id)
        record(db, services, who.actor, did)


def remove(services: ServiceContext, who: User, user_id: int) -> None:
    """Remove a user; the name stays on releases and in the audit, and cannot be taken again."""
    with services.database.writing() as db:
        user = get(db, user_id)
        if user.role is Role.SUPER_ADMIN:
            raise Refused(Problem.SUPER_ADMIN_STAYS)
        if user.id == who.id:
            raise Refused(Problem.NOT_YOURSELF)
        # A node of an older version may have added this user without reserving the name.
        users.take(db, user.name, user_id)
        users.remove(db, user_id)
        record(db, services, who.actor, AuditEntry("user.remove", user.name, subject_id=user.id))


def get(db: Reader, user_id: int) -> User:
    """Return the user of this number; raise Refused when there is none."""
    user = users.by_id(db, user_id)
    if user is None:
        raise Refused(Problem.USER_UNKNOWN, user=user_id)
    return user


def by_name(db: Reader, name: str) -> User:
    """Return the user of this name; raise Refused when there is none."""
    user = users.by_name(db, name)
    if user is None:
        raise Refused(Problem.USER_UNKNOWN, user=name)
    return user


def _changed(user: User, change: UserChange) -> User:
    if change.role not in {None, user.role}:
        _refuse_ungranted(change.role)
    return replace(
        user,
        name=user.name if change.name in {None, user.name} else typed.name(str(change.name)),
        role=change.role or user.role,
        is_disabled=user.is_disabled if change.is_disabled is None else change.is_disabled,
    )


def _refuse_stale(revision: int | None, before: User) -> None:
    if revision not in {None, before.revision}:
        raise Refused(Problem.CHANGED_MEANWHILE, name=before.name)


def _change(db: Writer, after: User) -> None:
    if not users.change(db, after):
        raise Refused(Problem.CHANGED_MEANWHILE, name=after.name)


def _rename(db: Writer, before: User, after: User) -> None:
    """Reserve the new name besides the former ones; raise Refused if it resembles another's."""
    if after.name == before.name:
        return
    is_taken = users.is_taken(db, after.name, before.id)
    # A node of an older version may have added this user without reserving the name.
    users.take(db, before.name, before.id)
    if is_taken or not users.take(db, after.name, before.id):
        raise Refused(Problem.USER_EXISTS, name=after.name)


def _refuse_ungranted(role: Role | None) -> None:
    if role not in GRANTED:
        raise Refused(Problem.ROLE_NOT_GRANTED)


def _refuse_untouchable(who: User, whom: User) -> None:
    """Raise Refused for the account of the super administrator, and for one's own."""
    if whom.role is Role.SUPER_ADMIN and who.id != whom.id:
        raise Refused(Problem.SUPER_ADMIN_STAYS)
    if whom.id == who.id and whom.role is not Role.SUPER_ADMIN:
        raise Refused(Problem.NOT_YOURSELF)


def is_issued(services: ServiceContext, password: str) -> bool:
    """Return whether a password was generated by this platform, so that it cannot be guessed."""
    return passwords.is_issued(services.vault.key_for(_ISSUED), password)


def _issued(services: ServiceContext) -> str:
    return passwords.issued_password(services.vault.key_for(_ISSUED))


def _checked(password: str) -> str:
    if not _SHORTEST_PASSWORD <= len(password) <= _LONGEST_PASSWORD:
        raise Refused(Problem.PASSWORD_SHORT, shortest=_SHORTEST_PASSWORD)
    return password


def _told(before: User, after: User) -> Mapping[str, object]:
    names = ("name", "role", "robot", "language", "is_disabled")
    return {
        name: getattr(after, name)
        for name in names
        if getattr(after, name) != getattr(before, name)
    }
