"""The platforms that mini programs run on."""

from dataclasses import dataclass
from enum import StrEnum

MIB = 2**20


class Platform(StrEnum):
    """Name a platform as the database, the URL and the command line spell it."""

    WECHAT = "wechat"
    ALIPAY = "alipay"
    DOUYIN = "douyin"


@dataclass(frozen=True)
class SizeLimits:
    """How large packages may be, in bytes: the main one, each sub package, all together.

    None where nobody knows.
    """

    main: int | None
    sub: int | None
    full: int | None
