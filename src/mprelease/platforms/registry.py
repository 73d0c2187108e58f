"""Which driver serves which platform."""

from collections.abc import Mapping

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.platforms.alipay.driver import AlipayDriver
from mprelease.platforms.douyin.driver import DouyinDriver
from mprelease.platforms.driver import Driver
from mprelease.platforms.wechat.driver import WeChatDriver

_DRIVERS: Mapping[Platform, Driver] = {
    Platform.WECHAT: WeChatDriver(),
    Platform.ALIPAY: AlipayDriver(),
    Platform.DOUYIN: DouyinDriver(),
}


def driver_of(platform: Platform) -> Driver:
    """Return a platform's driver; raise Refused(PLATFORM_NOT_SERVED) for one of a newer node."""
    if platform not in _DRIVERS:
        raise Refused(Problem.PLATFORM_NOT_SERVED, platform=platform)
    return _DRIVERS[platform]


def served() -> tuple[Platform, ...]:
    """Return the platforms that have a driver."""
    return tuple(_DRIVERS)
