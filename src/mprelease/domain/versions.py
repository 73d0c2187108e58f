"""Version numbers: their shape, their order, and the automatic number of the day."""

import re
from collections.abc import Collection
from datetime import date
from enum import Enum, auto

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem


class VersionForm(Enum):
    """What a platform's tool takes as a version, and how the automatic number of a day looks.

    WORDS takes nearly anything (v1.2.3-beta); of a day it is `YY.MM.DD.n`. THREE_NUMBERS takes
    three numbers without leading zeros; of a day they are `YY.M.n` with M = month x 100 + day.
    """

    WORDS = auto()
    THREE_NUMBERS = auto()


_SHAPE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,63}")
# Of a number that every platform takes.
_SHARED_LENGTH = 3
_SHAPE_WITHOUT_LEADING_ZEROS = re.compile(r"(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){2}")


def checked(form: VersionForm, version: str) -> str:
    """Return the version if it has the form; raise Refused otherwise."""
    shape = _SHAPE if form is VersionForm.WORDS else _SHAPE_WITHOUT_LEADING_ZEROS
    if not shape.fullmatch(version):
        raise Refused(Problem.VERSION_SHAPE, version=version, example=_of_day(form, _EXAMPLE))
    return version


def is_greater(version: str, than: str) -> bool:
    """Compare number by number: 1.10.0 is greater than 1.9.9."""
    return _numbers(version) > _numbers(than)


def of_day(used: Collection[str], today: date) -> list[str]:
    """Return those of some versions that are automatic numbers of a day.

    Where a platform takes any number, these are all that the next one has to differ from.
    """
    days = (f"{today:%y.%m.%d}", _shared_of_day(today).rpartition(".")[0])
    return [each for each in used if _COUNTED.fullmatch(each) and each.rpartition(".")[0] in days]


def following(version: str) -> str:
    """Return the number after one: its last part counts on."""
    head, _, last = version.rpartition(".")
    return f"{head}.{int(last) + 1}"


def automatic(form: VersionForm, today: date, used: list[str]) -> str:
    """Return today's next number of a form, greater than every used one.

    n counts from 0. After an upload in step WORDS goes on in the form of the others. Where
    somebody has already used a number beyond today's, the greatest one is continued instead.
    """
    greatest = max(used, key=_numbers, default=None)
    first = _of_day(form, today)
    if greatest is None or is_greater(first, greatest):
        return first
    shared = _shared_of_day(today)
    if len(_numbers(greatest)) == _SHARED_LENGTH and is_greater(shared, greatest):
        return shared
    return following(greatest)


def in_step(forms: Collection[VersionForm], today: date, used: list[str]) -> str:
    """Return today's next number that has all of these forms, greater than every used one."""
    if len(set(forms)) == 1:
        return automatic(next(iter(forms)), today, used)
    greatest = max(used, key=_numbers, default="0")
    first = _shared_of_day(today)
    if is_greater(first, greatest):
        return first
    year, day, count = (*_numbers(greatest), 0, 0)[:_SHARED_LENGTH]
    return f"{year}.{day}.{count + 1}"


_COUNTED = re.compile(r"[0-9]+(\.[0-9]{1,9}){2,3}")
_EXAMPLE = date(2026, 1, 5)


def _of_day(form: VersionForm, day: date) -> str:
    if form is VersionForm.WORDS:
        return f"{day:%y.%m.%d}.0"
    return _shared_of_day(day)


def _shared_of_day(day: date) -> str:
    return f"{day:%y}.{day.month * 100 + day.day}.0"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
