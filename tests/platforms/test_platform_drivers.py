from collections.abc import Mapping

import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem, Trouble
from mprelease.platforms.driver import Account, Driver, Link
from mprelease.platforms.registry import driver_of, served
from mprelease.platforms.tools import LOCK_FILES

Settings = Mapping[str, bool | int | str]

DRIVERS = [driver_of(platform) for platform in served()]

each_driver = pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.platform)


def test_every_platform_has_a_driver() -> None:
    assert set(served()) == set(Platform)


@each_driver
def test_a_driver_serves_the_platform_that_it_is_asked_for(driver: Driver) -> None:
    assert driver_of(driver.platform).platform is driver.platform


@each_driver
def test_a_tool_is_pinned_by_a_lock_file_that_names_no_registry(driver: Driver) -> None:
    package, lock = (driver.tool.lock_folder / name for name in LOCK_FILES)
    assert f'"{driver.tool.package}": "{driver.tool.version}"' in package.read_text("utf-8")
    assert '"resolved"' not in lock.read_text("utf-8")


@each_driver
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"no key", b"{}", b"[1]", b'{"x": 7}'])
def test_what_is_no_credential_is_refused(driver: Driver, content: bytes) -> None:
    with pytest.raises(Refused) as refused:
        driver.read_credential(content)
    assert refused.value.trouble.problem is Problem.KEY_SHAPE


@each_driver
def test_a_key_without_an_inside_is_refused(driver: Driver) -> None:
    with pytest.raises(Refused) as refused:
        driver.read_credential(b"-----BEGIN PRIVATE KEY-----\n")
    problems = {Problem.KEY_SHAPE, Problem.CREDENTIAL_OF_OTHER_PLATFORM}
    assert refused.value.trouble.problem in problems


@each_driver
@pytest.mark.parametrize("app_id", ["", "wx", "'; drop table", "wx0123456789abcdeg\n"])
def test_what_is_no_app_id_is_refused(driver: Driver, app_id: str) -> None:
    with pytest.raises(Refused) as refused:
        driver.check_app_id(app_id)
    assert refused.value.trouble.problem is Problem.APP_ID_SHAPE


@pytest.mark.parametrize("platform", [Platform.WECHAT, Platform.DOUYIN])
def test_an_upload_that_is_complete_by_itself_is_not_finished(platform: Platform) -> None:
    with pytest.raises(Refused) as refused:
        driver_of(platform).finish(Account("app", "credential"), Link(), "1.0.0")
    assert refused.value.trouble == Trouble(Problem.NOTHING_TO_FINISH, {"platform": platform})


@pytest.mark.parametrize(
    ("platform", "settings"),
    [
        (Platform.WECHAT, {"es6": False, "whateverComesNext": 1}),
        (Platform.ALIPAY, {"experience": False, "removeOldest": True}),
        (Platform.DOUYIN, {"channel": 2, "needUploadSourcemap": False}),
    ],
)
def test_a_setting_of_the_platform_is_taken(platform: Platform, settings: Settings) -> None:
    driver_of(platform).check_settings(settings)


@pytest.mark.parametrize(
    ("platform", "settings", "named"),
    [
        (Platform.ALIPAY, {"experience": True, "es6": False}, "es6=false"),
        (Platform.ALIPAY, {"experience": "no"}, "experience=no"),
        (Platform.DOUYIN, {"channel": True}, "channel=true"),
        (Platform.DOUYIN, {"Channel": 2}, "Channel=2"),
    ],
)
def test_a_setting_that_nobody_would_read_is_refused(
    platform: Platform, settings: Settings, named: str
) -> None:
    with pytest.raises(Refused) as refused:
        driver_of(platform).check_settings(settings)
    trouble = refused.value.trouble
    assert trouble.problem is Problem.SETTING_UNKNOWN
    assert (trouble.parameters["setting"], trouble.parameters["platform"]) == (named, platform)
