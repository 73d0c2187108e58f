"""Compile settings of the vendors' tools: names, types, and parsing of their values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem

Setting = bool | int | str
SettingType = type[bool] | type[int]

_FORMS: Mapping[SettingType, str] = {bool: "true/false", int: "NUMBER"}
_SWITCHES = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(
    ("false", "no", "off", "0"), False
)
_LONGEST = 9  # digits


@dataclass(frozen=True)
class KnownSettings:
    """The settings that one platform's tool supports, by name, each with its type.

    `synonyms` maps names used elsewhere, such as in the vendor's editor, to the tool's names; they
    are not accepted, but the error message suggests the tool's name.
    """

    platform: Platform
    types: Mapping[str, SettingType]
    synonyms: Mapping[str, str] = field(default_factory=dict)

    def read(self, given: Mapping[str, Setting]) -> dict[str, bool | int]:
        """Convert each value to the type of its setting.

        Raise Refused(SETTING_UNKNOWN) for a name that the tool does not support, and
        Refused(SETTING_VALUE) for a value that cannot be converted.
        """
        return {name: self._value(name, value) for name, value in given.items()}

    def effective(self, stored: Mapping[str, Setting]) -> dict[str, bool | int]:
        """Return the valid ones of stored settings; older versions stored settings unchecked."""
        values = {
            name: _typed(self.types[name], value)
            for name, value in stored.items()
            if name in self.types
        }
        return {name: value for name, value in values.items() if value is not None}

    def ignored(self, stored: Mapping[str, Setting]) -> dict[str, Setting]:
        """Return the stored settings that have no effect."""
        effective = self.effective(stored)
        return {name: value for name, value in stored.items() if name not in effective}

    def _value(self, name: str, given: Setting) -> bool | int:
        kind = self.types.get(name)
        if kind is None:
            raise self._unknown(name)
        value = _typed(kind, given)
        if value is None:
            setting = f"{name}={_written(given)}"
            form = f"{name}={_FORMS[kind]}"
            raise Refused(Problem.SETTING_VALUE, setting=setting, form=form)
        return value

    def _unknown(self, name: str) -> Refused:
        known = ", ".join(f"{each}={_FORMS[kind]}" for each, kind in self.types.items())
        return Refused(
            Problem.SETTING_UNKNOWN,
            setting=name,
            platform=self.platform,
            nearest=self._nearest(name),
            known=known,
        )

    def _nearest(self, name: str) -> str:
        meant = {each.lower(): each for each in self.types}
        meant |= {each.lower(): tool for each, tool in self.synonyms.items()}
        return meant[get_close_matches(name.lower(), meant, n=1, cutoff=0)[0]]


def _typed(kind: SettingType, given: Setting) -> bool | int | None:
    text = _written(given).strip().lower()
    if kind is bool:
        return _SWITCHES.get(text)
    is_number = not isinstance(given, bool) and text.isascii() and text.isdecimal()
    return int(text) if is_number and len(text) <= _LONGEST else None


def _written(given: Setting) -> str:
    return str(given).lower() if isinstance(given, bool) else str(given)
