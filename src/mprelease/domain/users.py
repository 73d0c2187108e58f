"""Who does something, and what they may."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Permission(StrEnum):
    """What somebody may do.

    `look`: releases, logs and QR codes. `release`: preview, upload, cancel, again, resolve.
    `manage`: people, projects, apps, credentials, workers, and deleting releases.
    """

    VIEW = "look"
    RELEASE = "release"
    MANAGE = "manage"


class Role(StrEnum):
    """What somebody is; there is one super administrator, and it stays."""

    SUPER_ADMIN = "super_admin"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"

    def may(self, right: Permission) -> bool:
        """Tell whether this role has a right."""
        return right in _RIGHTS.get(self, frozenset())


_RIGHTS: Mapping[Role, frozenset[Permission]] = {
    Role.SUPER_ADMIN: frozenset(Permission),
    Role.ADMIN: frozenset(Permission),
    Role.MEMBER: frozenset({Permission.VIEW, Permission.RELEASE}),
    Role.VIEWER: frozenset({Permission.VIEW}),
}

# Whom an administrator can make; the super administrator makes itself at the first start.
GRANTED = (Role.ADMIN, Role.MEMBER, Role.VIEWER)


@dataclass(frozen=True)
class Actor:
    """A person as the audit and the releases keep it: by name, and by id who has a login."""

    name: str
    id: int | None = None


@dataclass(frozen=True)
class User:
    """Somebody who can log in by this name; times in milliseconds since the epoch.

    `robot` is taken for this person's releases where a platform has robots; `language` is one of
    the interface's, None what the browser wishes.
    """

    id: int
    name: str
    role: Role
    robot: int | None
    language: str | None
    is_disabled: bool
    created_at: int
    seen_at: int | None
    # When its picture was changed; None where there is none.
    avatar_at: int | None = None

    @property
    def actor(self) -> Actor:
        """Return this person as whoever does something."""
        return Actor(self.name, self.id)
