"""The platforms that mini programs run on."""

from dataclasses import dataclass
from enum import StrEnum

MIB = 2**20


class Platform(StrEnum):
    """A platform, spelled as in the database, in URLs and on the command line."""

    WECHAT = "wechat"
    ALIPAY = "alipay"
    DOUYIN = "douyin"


@dataclass(frozen=True)
class SizeLimits:
    """Limits of package sizes in bytes: main package, each subpackage, and their sum.

    None where the platform documents no limit.
    """

    main: int | None
    sub: int | None
    full: int | None
