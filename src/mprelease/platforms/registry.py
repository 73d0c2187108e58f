"""The registry of drivers, by platform."""

from typing import Annotated

from pydantic import BeforeValidator

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.platforms.alipay.driver import AlipayDriver
from mprelease.platforms.douyin.driver import DouyinDriver
from mprelease.platforms.driver import BuildTargets, Driver
from mprelease.platforms.presentation import UNKNOWN, Presentation
from mprelease.platforms.wechat.driver import WeChatDriver

DRIVERS: dict[Platform, Driver] = {
    driver.platform: driver for driver in (WeChatDriver(), AlipayDriver(), DouyinDriver())
}
"""The drivers in the order in which platforms are shown; the first platform is the default."""


def served_by_name(name: object) -> Platform | None:
    """Return the platform with this name; None if it has no driver."""
    return next((each for each in DRIVERS if each == name), None)


# Any other value is passed on to the enumeration, which refuses it.
ServedPlatform = Annotated[Platform, BeforeValidator(lambda name: served_by_name(name) or name)]
"""The name of a platform that has a driver, in a form or a JSON body."""


def driver_of(platform: Platform) -> Driver:
    """Return a platform's driver; raise Refused(PLATFORM_NOT_SERVED) if it has none."""
    if platform not in DRIVERS:
        raise Refused(Problem.PLATFORM_NOT_SERVED, platform=platform)
    return DRIVERS[platform]


def served() -> tuple[Platform, ...]:
    """Return the platforms that have a driver."""
    return tuple(DRIVERS)


def presentation_of(platform: Platform) -> Presentation:
    """Return how a platform is displayed; UNKNOWN for one without a driver."""
    return DRIVERS[platform].presentation if platform in DRIVERS else UNKNOWN


def build_targets() -> tuple[BuildTargets, ...]:
    """Return the names in cross-platform frameworks of all platforms that these support."""
    named = (driver.build_targets for driver in DRIVERS.values())
    return tuple(each for each in named if each)


def robots(platform: Platform | None = None) -> range:
    """Return the numbers of a platform's robots; if it has none, the range of all platforms.

    On platforms without robots the number is stored, but has no effect.
    """
    of_platform = DRIVERS[platform].robots if platform in DRIVERS else None
    if of_platform:
        return of_platform
    ranges = [driver.robots for driver in DRIVERS.values() if driver.robots]
    return range(min(each.start for each in ranges), max(each.stop for each in ranges))


def has_channels(platform: Platform) -> bool:
    """Return whether a platform has robots or channels, each with a version of its own."""
    driver = DRIVERS.get(platform)
    return driver is not None and bool(driver.robots or driver.channel_setting)


def with_robots() -> tuple[Platform, ...]:
    """Return the platforms whose robots have versions of their own."""
    return tuple(platform for platform, each in DRIVERS.items() if each.robots)


def with_one_trial_code() -> tuple[Platform, ...]:
    """Return the platforms on which all uploads of one app id share a QR code."""
    return tuple(platform for platform, each in DRIVERS.items() if each.has_one_trial_code)
