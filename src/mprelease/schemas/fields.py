"""The base class of records, and the types, checks and command line options of their fields.

A field's `description` is the id of its help text in the catalogs.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Any, Self, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.schemas import validation
from mprelease.schemas.value_errors import detail_of

# The range that all JSON parsers and databases store exactly.
_NUMBERS = 2**53
_LONGEST_SECRET = 64 * 1024
_DIGITS = 9
_BETWEEN_LINES = re.compile(r"[\r\n,，]+")
_UNUSABLE = -1

Plain = Annotated[str, AfterValidator(validation.plain)]
Text = Annotated[Plain, Field(max_length=4000)]
Secret = Annotated[Plain, Field(max_length=_LONGEST_SECRET, json_schema_extra={"writeOnly": True})]
# Names of switches of the vendors' compilers.
Switch = Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
# For a dictionary whose keys have a pattern: other keys are refused.
CLOSED: JsonDict = {"additionalProperties": False}
Number = Annotated[int, Field(ge=0, lt=_NUMBERS)]
Whole = Annotated[int, Field(gt=-_NUMBERS, lt=_NUMBERS)]


@dataclass(frozen=True)
class Checked:
    """The check of a new value by a service: `check` returns the stored value, or raises Refused.

    With `clears`, an empty text resets the value to None.
    """

    check: Callable[[Any], object]
    clears: bool = False

    def read(self, value: object) -> object:
        """Return the stored form of a value; raise Refused."""
        if self.clears and isinstance(value, str) and not value.strip():
            return None
        return self.check(value)


@dataclass(frozen=True)
class Option:
    """A field that is an option of commands.

    `flags` are its names, if they differ from the field's; `help` is the id of its help text, if it
    differs from the field's description. With `clears`, an empty value of a setting means None.
    """

    flags: tuple[str, ...] = ()
    metavar: str | None = None
    help: str | None = None
    clears: bool = False


@dataclass(frozen=True)
class Lines:
    """A list whose entries are lines of a text, or are separated by commas."""


class Record(BaseModel):
    """The input of an operation; unknown fields are refused, because they may be typos."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Return a record of these values; raise Refused for a value beyond its limits."""
        try:
            return cls(**values)
        except ValidationError as error:
            wrong = error.errors(include_input=False, include_url=False)[0]
            field = ".".join(str(part) for part in wrong["loc"])
            raise Refused(Problem.FIELD_UNUSABLE, field=field, detail=detail_of(wrong)) from None

    @classmethod
    def of_form(cls, typed: Mapping[str, str], **values: Any) -> Self:
        """Return a record of a form's fields, and of `values` that are not read from them.

        Raise Refused.
        """
        texts = {name: typed.get(name) for name in cls.model_fields if name not in values}
        read = {name: _of_text(cls, name, text) for name, text in texts.items()}
        given = {name: value for name, value in read.items() if value is not None}
        return cls.of(**given, **values)

    def with_(self, **values: Any) -> Self:
        """Return a copy with these values; None does not change a field."""
        more = {name: value for name, value in values.items() if value is not None}
        return self.of(**{**self.given(), **more})

    def given(self) -> dict[str, Any]:
        """Return the fields that are not None or empty, by name."""
        return {name: value for name, value in self if value is not None and value != {}}

    def stored(self, name: str, before: object) -> object:
        """Return the value of a field to store: checked if changed, `before` if not given."""
        value = getattr(self, name)
        checks = [one for one in type(self).model_fields[name].metadata if isinstance(one, Checked)]
        if value is None or value == before:
            return before
        return checks[0].read(value) if checks else value


def kind_of(record: type[BaseModel], name: str) -> Any:
    """Return the plain type of a field: such as `str` or `list`."""
    annotation = record.model_fields[name].annotation
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    bare = kinds[0] if kinds and get_origin(annotation) not in {list, dict} else annotation
    while get_origin(bare) is Annotated:
        bare = get_args(bare)[0]
    return get_origin(bare) or bare


def option_of(record: type[BaseModel], name: str) -> Option | None:
    """Return the option of a field; None if it is not an option."""
    options = (one for one in record.model_fields[name].metadata if isinstance(one, Option))
    return next(options, None)


def shown(record: type[BaseModel], name: str, value: object) -> str:
    """Return a field's value as the text of a form, which `Record.of_form` can read."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ("\n" if _has_lines(record, name) else " ").join(map(str, value))
    return "" if value is None else str(value)


def entries(record: type[BaseModel], name: str, text: str) -> list[str]:
    """Return the entries of a list in a form or an option: its words, or its lines."""
    if not _has_lines(record, name):
        return text.split()
    return [line.strip() for line in _BETWEEN_LINES.split(text) if line.strip()]


def _has_lines(record: type[BaseModel], name: str) -> bool:
    return any(isinstance(one, Lines) for one in record.model_fields[name].metadata)


def number(text: str | None) -> int | None:
    """Return the number of a text; None for an empty one, -1 (always refused) for others."""
    if not text or not text.strip():
        return None
    typed = text.strip()
    return int(typed) if typed.isdecimal() and len(typed) <= _DIGITS else _UNUSABLE


def _of_text(record: type[BaseModel], name: str, text: str | None) -> object:
    """Convert the text of a form's field to a field's type."""
    kind = kind_of(record, name)
    if text is None or kind is str:
        return text
    if kind is int:
        return number(text)
    if kind is bool:
        return text == "true"
    if kind is list:
        return entries(record, name, text)
    return text or None
