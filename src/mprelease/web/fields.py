"""What people type into fields, where a form cannot say it better."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator

from mprelease.domain.platforms import Platform
from mprelease.platforms.registry import served_by_name
from mprelease.platforms.settings import KnownSettings, Setting

_LONGEST = 9
_UNUSABLE = -1
_SETTING = "setting."

# What is no platform that has a driver is left to the enumeration to refuse.
ServedPlatform = Annotated[Platform, BeforeValidator(lambda name: served_by_name(name) or name)]
"""The name of a platform that has a driver."""


def number(text: str | None) -> int | None:
    """Return a number, None for nothing; what is no number becomes one that every range refuses."""
    if not text or not text.strip():
        return None
    typed = text.strip()
    return int(typed) if typed.isdecimal() and len(typed) <= _LONGEST else _UNUSABLE


def settings_shown(stored: Mapping[str, Setting], known: KnownSettings) -> dict[str, str]:
    """Return the fields of a form that show the settings of a platform's tool."""
    return {
        f"{_SETTING}{name}": str(value).lower() for name, value in known.effective(stored).items()
    }


def settings_typed(
    fields: Mapping[str, str], known: KnownSettings, stored: Mapping[str, Setting]
) -> dict[str, Setting | None]:
    """Return what a form with those fields sets; None takes away what it left empty.

    A form without such fields changes nothing.
    """
    given = {
        name: text.strip()
        for name in known.types
        if (text := fields.get(f"{_SETTING}{name}")) is not None
    }
    if not given:
        return {}
    return {**dict.fromkeys(stored), **{name: text or None for name, text in given.items()}}
