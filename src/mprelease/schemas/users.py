"""The records for adding and changing a user, and for the user's own profile."""

from pydantic import Field

from mprelease.domain.users import Role
from mprelease.schemas.fields import Number, Record, Secret, Text, Whole


class NewUser(Record):
    """A new user; without a password a random one is generated."""

    name: Text
    role: Role
    password: Secret | None = None


class UserChange(Record):
    """Changes of a user; fields that are left out or null do not change."""

    name: Text | None = None
    role: Role | None = None
    is_disabled: bool | None = None
    revision: Number | None = Field(default=None, description="field.revision")


class Profile(Record):
    """A user's own profile; without robot or language the defaults apply."""

    name: Text
    robot: Whole | None = None
    language: Text | None = None
    revision: Number | None = Field(default=None, description="field.revision")
