"""Version numbers: their format, their order, and automatic numbers by date."""

import re
from collections.abc import Collection
from datetime import date
from enum import Enum, auto

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem


class VersionForm(Enum):
    """The versions that a platform's tool accepts, and the form of the automatic number of a day.

    WORDS accepts letters too (v1.2.3-beta); the number of a day is `YY.MM.DD.n`. THREE_NUMBERS
    accepts three numbers without leading zeros; of a day they are `YY.M.n` with M = month x 100 +
    day.
    """

    WORDS = auto()
    THREE_NUMBERS = auto()


_SHAPE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,63}")
# Parts of a number that every platform accepts.
_SHARED_PARTS = 3
_SHAPE_WITHOUT_LEADING_ZEROS = re.compile(r"(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){2}")


def checked(form: VersionForm, version: str) -> str:
    """Return the version if it has the form; raise Refused(VERSION_SHAPE) otherwise."""
    shape = _SHAPE if form is VersionForm.WORDS else _SHAPE_WITHOUT_LEADING_ZEROS
    if not shape.fullmatch(version):
        raise Refused(Problem.VERSION_SHAPE, version=version, example=_of_day(form, _EXAMPLE))
    return version


def is_greater(version: str, than: str) -> bool:
    """Compare part by part as numbers: 1.10.0 is greater than 1.9.9."""
    return _numbers(version) > _numbers(than)


def of_day(used: Collection[str], today: date) -> list[str]:
    """Return the versions that have the format of automatic numbers of a day.

    Where a platform accepts any number, the next automatic one must differ from these only.
    """
    days = (f"{today:%y.%m.%d}", _shared_of_day(today).rpartition(".")[0])
    return [each for each in used if _COUNTED.fullmatch(each) and each.rpartition(".")[0] in days]


def following(version: str) -> str:
    """Return the version with its last part incremented."""
    head, _, last = version.rpartition(".")
    return f"{head}.{int(last) + 1}"


def automatic(form: VersionForm, today: date, used: list[str]) -> str:
    """Return today's next number of a form, greater than every used one.

    n starts at 0. If the greatest number used today was shared by all platforms, its form is
    continued. If a used number is greater than today's, that one is incremented instead.
    """
    greatest = max(used, key=_numbers, default=None)
    first = _of_day(form, today)
    if greatest is None or is_greater(first, greatest):
        return first
    shared = _shared_of_day(today)
    if len(_numbers(greatest)) == _SHARED_PARTS and is_greater(shared, greatest):
        return shared
    return following(greatest)


def automatic_shared(forms: Collection[VersionForm], today: date, used: list[str]) -> str:
    """Return today's next number that has all of these forms, greater than every used one."""
    if len(set(forms)) == 1:
        return automatic(next(iter(forms)), today, used)
    greatest = max(used, key=_numbers, default="0")
    first = _shared_of_day(today)
    if is_greater(first, greatest):
        return first
    year, day, count = (*_numbers(greatest), 0, 0)[:_SHARED_PARTS]
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
