"""What the fields of all records are made of: types with limits, checks, and command line options.

A field's `description` is the id of its help text in the catalogs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Any, Self, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.schemas import validation

# As every JSON reader keeps them, and every database.
_NUMBERS = 2**53
_LONGEST_SECRET = 64 * 1024
_DIGITS = 9
_UNUSABLE = -1

Plain = Annotated[str, AfterValidator(validation.plain)]
Text = Annotated[Plain, Field(max_length=4000)]
Secret = Annotated[Plain, Field(max_length=_LONGEST_SECRET, json_schema_extra={"writeOnly": True})]
# How the vendors' compilers name their switches.
Switch = Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
# Of a dictionary whose keys have a pattern: there are no others.
CLOSED: JsonDict = {"additionalProperties": False}
Number = Annotated[int, Field(ge=0, lt=_NUMBERS)]
Whole = Annotated[int, Field(gt=-_NUMBERS, lt=_NUMBERS)]


@dataclass(frozen=True)
class Checked:
    """How a service reads a new value: `check` returns what is stored, or raises Refused.

    Where an empty text `clears`, it takes the value back to None.
    """

    check: Callable[[Any], object]
    clears: bool = False

    def read(self, value: object) -> object:
        """Return what is stored for a value."""
        if self.clears and isinstance(value, str) and not value.strip():
            return None
        return self.check(value)


@dataclass(frozen=True)
class Option:
    """A field that the command line takes as an option.

    `flags` are its names where they are not made of the field's; `help` is the id of another text
    than the field's description. Of settings, an empty value stands for None where it `clears`.
    """

    flags: tuple[str, ...] = ()
    metavar: str | None = None
    help: str | None = None
    clears: bool = False


class Record(BaseModel):
    """What an operation is given; a field that nobody knows is refused, for it may be a typo."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Return a record of these values; raise Refused for one that is outside its limits."""
        try:
            return cls(**values)
        except ValidationError as error:
            wrong = error.errors(include_input=False, include_url=False)[0]
            field = ".".join(str(part) for part in wrong["loc"])
            raise Refused(Problem.FIELD_UNUSABLE, field=field, detail=wrong["msg"]) from None

    @classmethod
    def of_form(cls, typed: Mapping[str, str], **values: Any) -> Self:
        """Return a record of the fields of a form, and of values that a form cannot say alone."""
        texts = {name: typed.get(name) for name in cls.model_fields if name not in values}
        read = {name: _of_text(kind_of(cls, name), text) for name, text in texts.items()}
        given = {name: value for name, value in read.items() if value is not None}
        return cls.of(**given, **values)

    def with_(self, **values: Any) -> Self:
        """Return the record with these values, too; None leaves a field as it is."""
        more = {name: value for name, value in values.items() if value is not None}
        return self.of(**{**self.given(), **more})

    def given(self) -> dict[str, Any]:
        """Return the fields that are given, by name."""
        return {name: value for name, value in self if value is not None and value != {}}

    def stored(self, name: str, before: object) -> object:
        """Return the value of a field as it is stored: checked if new, `before` if not given."""
        value = getattr(self, name)
        checks = [one for one in type(self).model_fields[name].metadata if isinstance(one, Checked)]
        if value is None or value == before:
            return before
        return checks[0].read(value) if checks else value


def kind_of(record: type[BaseModel], name: str) -> Any:
    """Return the type of a field's values: `str`, `int`, `list` …, without its limits."""
    annotation = record.model_fields[name].annotation
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    bare = kinds[0] if kinds and get_origin(annotation) not in {list, dict} else annotation
    while get_origin(bare) is Annotated:
        bare = get_args(bare)[0]
    return get_origin(bare) or bare


def option_of(record: type[BaseModel], name: str) -> Option | None:
    """Return how the command line takes a field, None if it is no option."""
    options = (one for one in record.model_fields[name].metadata if isinstance(one, Option))
    return next(options, None)


def shown(value: object) -> str:
    """Return a value as a form shows it, which `Record.of_form` reads back."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return "" if value is None else str(value)


def number(text: str | None) -> int | None:
    """Return a number, None for nothing; what is no number becomes one that every range refuses."""
    if not text or not text.strip():
        return None
    typed = text.strip()
    return int(typed) if typed.isdecimal() and len(typed) <= _DIGITS else _UNUSABLE


def _of_text(kind: Any, text: str | None) -> object:
    """Return what a field of this type is given by a text of a form."""
    if text is None or kind is str:
        return text
    if kind is int:
        return number(text)
    if kind is bool:
        return text == "true"
    if kind is list:
        return text.split()
    return text or None
