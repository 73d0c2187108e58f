"""Version numbers: their format, their order, and automatic numbers by date."""

import re
from collections.abc import Collection
from datetime import date

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem

# WeChat accepts letters too: v1.2.3-beta.
_SHAPE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,63}")
# Parts of a number that every platform accepts.
_SHARED_PARTS = 3
_SHAPE_WITHOUT_LEADING_ZEROS = re.compile(r"(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){2}")


def checked(platform: Platform, version: str) -> str:
    """Return the version if the platform accepts its format; raise Refused otherwise."""
    shape = _SHAPE if platform is Platform.WECHAT else _SHAPE_WITHOUT_LEADING_ZEROS
    if not shape.fullmatch(version):
        raise Refused(Problem.VERSION_SHAPE, version=version, example=_of_day(platform, _EXAMPLE))
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


def automatic(platform: Platform, today: date, used: list[str]) -> str:
    """Return today's next number, greater than every used one.

    WeChat: `YY.MM.DD.n`. Alipay and Douyin: `YY.M.n` with M = month x 100 + day, because their
    tools refuse a leading zero. n starts at 0. If the greatest number used on WeChat today was
    shared by all platforms, its form is continued. If a used number is greater than today's, that
    one is incremented instead.
    """
    greatest = max(used, key=_numbers, default=None)
    first = _of_day(platform, today)
    if greatest is None or is_greater(first, greatest):
        return first
    shared = _shared_of_day(today)
    if len(_numbers(greatest)) == _SHARED_PARTS and is_greater(shared, greatest):
        return shared
    return following(greatest)


def automatic_shared(platforms: Collection[Platform], today: date, used: list[str]) -> str:
    """Return today's next number that all platforms accept, greater than every used one."""
    if len(set(platforms)) == 1:
        return automatic(next(iter(platforms)), today, used)
    greatest = max(used, key=_numbers, default="0")
    first = _shared_of_day(today)
    if is_greater(first, greatest):
        return first
    year, day, count = (*_numbers(greatest), 0, 0)[:_SHARED_PARTS]
    return f"{year}.{day}.{count + 1}"


_COUNTED = re.compile(r"[0-9]+(\.[0-9]{1,9}){2,3}")
_EXAMPLE = date(2026, 1, 5)


def _of_day(platform: Platform, day: date) -> str:
    if platform is Platform.WECHAT:
        return f"{day:%y.%m.%d}.0"
    return _shared_of_day(day)


def _shared_of_day(day: date) -> str:
    return f"{day:%y}.{day.month * 100 + day.day}.0"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
