"""What can be set of a user: by those who manage users, and by oneself."""

from mprelease.domain.users import Role
from mprelease.schemas.fields import Record, Secret, Text, Whole


class NewUser(Record):
    """Somebody new; without a password a random one is made."""

    name: Text
    role: Role
    password: Secret | None = None


class UserChange(Record):
    """What is to be changed of somebody; what is left out or null stays."""

    name: Text | None = None
    role: Role | None = None
    is_disabled: bool | None = None


class Profile(Record):
    """What people set of themselves; the robot and the language may be none."""

    name: Text
    robot: Whole | None = None
    language: Text | None = None
