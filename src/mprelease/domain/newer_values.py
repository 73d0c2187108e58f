"""Enum values that a newer version has stored: shown as they are, and not acted upon."""

from enum import StrEnum
from typing import TypeVar

One = TypeVar("One", bound=StrEnum)


def known_or_newer(kind: type[One], value: str) -> One:
    """Return the member for a stored value, or a new one for a value that the enum does not define.

    During a rolling update an older node reads what a newer one has written. Such a member equals
    its text and no other member, and is not accepted as input: `kind(value)` raises ValueError.
    """
    try:
        return kind(value)
    except ValueError:
        newer = str.__new__(kind, value)
        newer._name_ = value
        newer._value_ = value
        return newer
