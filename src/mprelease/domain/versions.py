"""Version numbers: their shape, their order, and the automatic number of the day."""

import re
from datetime import date

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem

_SHAPE = re.compile(r"(0|[0-9]{1,9})(\.[0-9]{1,9}){1,3}")
_SHAPE_WITHOUT_LEADING_ZEROS = re.compile(r"(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){2}")


def checked(platform: Platform, version: str) -> str:
    """Return the version if the platform's tool takes its shape; raise Refused otherwise."""
    shape = _SHAPE if platform is Platform.WECHAT else _SHAPE_WITHOUT_LEADING_ZEROS
    if not shape.fullmatch(version):
        raise Refused(Problem.VERSION_SHAPE, version=version, example=_of_day(platform, _EXAMPLE))
    return version


def is_greater(version: str, than: str) -> bool:
    """Compare number by number: 1.10.0 is greater than 1.9.9."""
    return _numbers(version) > _numbers(than)


def automatic(platform: Platform, today: date, used: list[str]) -> str:
    """Return today's next number, greater than every used one.

    WeChat `YY.MM.DD.n`; Alipay and Douyin `YY.M.n` with M = month x 100 + day, because their
    tools refuse a leading zero. n counts from 0. Where somebody has already used a number
    beyond today's, the greatest one is continued instead.
    """
    greatest = max(used, key=_numbers, default=None)
    first = _of_day(platform, today)
    if greatest is None or is_greater(first, greatest):
        return first
    head, _, last = greatest.rpartition(".")
    return f"{head}.{int(last) + 1}"


_EXAMPLE = date(2026, 1, 5)


def _of_day(platform: Platform, day: date) -> str:
    if platform is Platform.WECHAT:
        return f"{day:%y.%m.%d}.0"
    return f"{day:%y}.{day.month * 100 + day.day}.0"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
