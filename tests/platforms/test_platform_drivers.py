import inspect
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.platforms.driver import Account, Driver, Route
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
def test_the_modules_of_each_platform_have_the_same_names(driver: Driver) -> None:
    modules = Path(inspect.getfile(type(driver))).parent.glob("*.py")
    assert {path.stem for path in modules} - {"__init__"} == {"driver", "content", "events", "api"}


def test_the_http_client_is_not_imported_before_a_request() -> None:
    program = (
        "import sys, mprelease.platforms.registry as r; r.served(); print('httpx' in sys.modules)"
    )
    ran = subprocess.run(
        (sys.executable, "-c", program), capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "False"


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
    assert refused.value.problem_detail.problem is Problem.KEY_SHAPE


@each_driver
def test_a_key_without_an_inside_is_refused(driver: Driver) -> None:
    with pytest.raises(Refused) as refused:
        driver.read_credential(b"-----BEGIN PRIVATE KEY-----\n")
    problems = {Problem.KEY_SHAPE, Problem.CREDENTIAL_OF_OTHER_PLATFORM}
    assert refused.value.problem_detail.problem in problems


@each_driver
@pytest.mark.parametrize("app_id", ["", "wx", "'; drop table", "wx0123456789abcdeg\n"])
def test_what_is_no_app_id_is_refused(driver: Driver, app_id: str) -> None:
    with pytest.raises(Refused) as refused:
        driver.check_app_id(app_id)
    assert refused.value.problem_detail.problem is Problem.APP_ID_SHAPE


@pytest.mark.parametrize("platform", [Platform.WECHAT, Platform.DOUYIN])
def test_an_upload_that_is_complete_by_itself_is_not_finished(platform: Platform) -> None:
    with pytest.raises(Refused) as refused:
        driver_of(platform).finish(Account("app", "credential"), Route(), "1.0.0")
    assert refused.value.problem_detail == ProblemDetail(
        Problem.NOTHING_TO_FINISH, {"platform": platform}
    )


@pytest.mark.parametrize(
    ("platform", "settings"),
    [
        (Platform.WECHAT, {"es6": False, "bigPackageSizeSupport": True}),
        (Platform.ALIPAY, {"experience": False, "removeOldest": True}),
        (Platform.DOUYIN, {"channel": 2, "needUploadSourcemap": False}),
    ],
)
def test_a_setting_of_the_platform_is_taken(platform: Platform, settings: Settings) -> None:
    assert driver_of(platform).settings.read(settings) == settings


@pytest.mark.parametrize(
    ("platform", "name", "nearest"),
    [
        (Platform.WECHAT, "minified", "minify"),
        (Platform.WECHAT, "postcss", "autoPrefixWXSS"),
        (Platform.WECHAT, "enhance", "es7"),
        (Platform.WECHAT, "minifyWxss", "minifyWXSS"),
        (Platform.WECHAT, "codeprotect", "codeProtect"),
        (Platform.WECHAT, "bigPackage", "bigPackageSizeSupport"),
        (Platform.WECHAT, "ignoreUploadUnusedFiles", "allowIgnoreUnusedFiles"),
        (Platform.ALIPAY, "experiense", "experience"),
        (Platform.DOUYIN, "Channel", "channel"),
    ],
)
def test_a_setting_that_nobody_would_read_is_refused_with_the_nearest_name(
    platform: Platform, name: str, nearest: str
) -> None:
    """Issue 12, number 8."""
    with pytest.raises(Refused) as refused:
        driver_of(platform).settings.read({name: True})
    problem_detail = refused.value.problem_detail
    assert problem_detail.problem is Problem.SETTING_UNKNOWN
    assert (problem_detail.parameters["setting"], problem_detail.parameters["nearest"]) == (
        name,
        nearest,
    )


@pytest.mark.parametrize("off", ["no", "off", "False", "0", "false", "NO", " off ", 0, False])
def test_every_word_for_off_means_off(off: bool | int | str) -> None:
    """Issue 12, number 8: a text such as "False" is true for the vendor's tool."""
    assert driver_of(Platform.WECHAT).settings.read({"es6": off}) == {"es6": False}


@pytest.mark.parametrize(
    ("platform", "settings", "setting"),
    [
        (Platform.WECHAT, {"es6": "maybe"}, "es6=maybe"),
        (Platform.WECHAT, {"es6": 2}, "es6=2"),
        (Platform.WECHAT, {"es6": ""}, "es6="),
        (Platform.DOUYIN, {"channel": True}, "channel=true"),
        (Platform.DOUYIN, {"channel": "-1"}, "channel=-1"),
        (Platform.DOUYIN, {"channel": "²"}, "channel=²"),
    ],
)
def test_a_value_of_another_type_is_refused(
    platform: Platform, settings: Settings, setting: str
) -> None:
    with pytest.raises(Refused) as refused:
        driver_of(platform).settings.read(settings)
    assert refused.value.problem_detail.problem is Problem.SETTING_VALUE
    assert refused.value.problem_detail.parameters["setting"] == setting
