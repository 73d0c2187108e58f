"""Users, their roles and permissions."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Permission(StrEnum):
    """A permission.

    VIEW: see releases, logs and QR codes. RELEASE: preview, upload, cancel, repeat and resolve
    releases. MANAGE: users, projects, apps, credentials, workers, and deleting releases.
    """

    VIEW = "look"
    RELEASE = "release"
    MANAGE = "manage"


class Role(StrEnum):
    """The role of a user; there is exactly one super administrator, which cannot be removed."""

    SUPER_ADMIN = "super_admin"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"

    def may(self, permission: Permission) -> bool:
        """Return whether this role has a permission."""
        return permission in _PERMISSIONS.get(self, frozenset())


_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.SUPER_ADMIN: frozenset(Permission),
    Role.ADMIN: frozenset(Permission),
    Role.MEMBER: frozenset({Permission.VIEW, Permission.RELEASE}),
    Role.VIEWER: frozenset({Permission.VIEW}),
}

# Roles that an administrator can assign; the super administrator is created at the first start.
GRANTED = (Role.ADMIN, Role.MEMBER, Role.VIEWER)


@dataclass(frozen=True)
class Actor:
    """The person recorded in releases and the audit log; `id` is None without a user account."""

    name: str
    id: int | None = None


@dataclass(frozen=True)
class User:
    """A user account; times in milliseconds since the epoch.

    `robot`, if set, is the default for this user's releases where a platform has robots; `language`
    is a language of the interface, None for the one that the browser requests. `revision` is
    incremented by each change of name, role, robot, language or `is_disabled`.
    """

    id: int
    name: str
    role: Role
    robot: int | None
    language: str | None
    is_disabled: bool
    created_at: int
    seen_at: int | None
    # The time of the last change of the picture; None without a picture.
    avatar_at: int | None = None
    revision: int = 0

    @property
    def actor(self) -> Actor:
        """Return the user as recorded in releases and the audit log."""
        return Actor(self.name, self.id)
