"""Which driver serves which platform."""

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.platforms.driver import Driver
from mprelease.platforms.wechat.driver import WeChatDriver


def driver_of(platform: Platform) -> Driver:
    """Return a platform's driver; raise Refused(PLATFORM_LATER) while there is none."""
    if platform is Platform.WECHAT:
        return WeChatDriver()
    raise Refused(Problem.PLATFORM_LATER, platform=platform.value)
