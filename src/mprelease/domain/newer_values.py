"""Values of enums that a newer node has written: shown as they are, and left alone."""

from enum import StrEnum
from typing import TypeVar

One = TypeVar("One", bound=StrEnum)


def known_or_newer(kind: type[One], value: str) -> One:
    """Return a member of an enum as it is stored, or one that is none of the enum's own.

    Nodes are updated one by one, so an older one reads what a newer one has written. Such a member
    equals its text and no other member, and is not accepted as input: `kind(value)` raises.
    """
    try:
        return kind(value)
    except ValueError:
        newer = str.__new__(kind, value)
        newer._name_ = value
        newer._value_ = value
        return newer
