"""The platforms that mini programs run on."""

from dataclasses import dataclass
from enum import StrEnum

from mprelease.domain.newer_values import known_or_newer

MIB = 2**20


class Platform(StrEnum):
    """Name a platform as the database, the URL and the command line spell it.

    These have a driver of this version. A driver may serve others (`named`): which ones are served
    says `platforms.registry` alone.
    """

    WECHAT = "wechat"
    ALIPAY = "alipay"
    DOUYIN = "douyin"


def named(name: str) -> Platform:
    """Return the platform of this name, whether or not this version serves it."""
    return known_or_newer(Platform, name)


@dataclass(frozen=True)
class SizeLimits:
    """How large packages may be, in bytes: the main one, each sub package, all together.

    None where nobody knows.
    """

    main: int | None
    sub: int | None
    full: int | None
