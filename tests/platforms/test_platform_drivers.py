import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.platforms.driver import Driver
from mprelease.platforms.registry import driver_of, served
from mprelease.platforms.tools import LOCK_FILES

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
