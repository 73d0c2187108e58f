"""The platforms that mini programs run on."""

from dataclasses import dataclass
from enum import StrEnum

from mprelease.domain.newer_values import known_or_newer

MIB = 2**20


class Platform(StrEnum):
    """A platform, spelled as in the database, in URLs and on the command line.

    The members have a driver in this version. A driver may serve another name (`named`);
    `platforms.registry` decides which ones are served.
    """

    WECHAT = "wechat"
    ALIPAY = "alipay"
    DOUYIN = "douyin"


def named(name: str) -> Platform:
    """Return the platform of this name, whether or not this version serves it."""
    return known_or_newer(Platform, name)


@dataclass(frozen=True)
class SizeLimits:
    """Limits of package sizes in bytes: main package, each subpackage, and their sum.

    None where the platform documents no limit.
    """

    main: int | None
    sub: int | None
    full: int | None
