"""The platforms that mini programs run on."""

from enum import StrEnum


class Platform(StrEnum):
    """Name a platform as the database, the URL and the command line spell it."""

    WECHAT = "wechat"
    ALIPAY = "alipay"
    DOUYIN = "douyin"
