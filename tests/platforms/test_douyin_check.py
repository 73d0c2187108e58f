import time
from dataclasses import replace

import pytest

from douyin_samples import DOUYIN_APP_ID, EMAIL, LOGIN_CREDENTIAL
from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.platforms.douyin.driver import DouyinDriver
from mprelease.platforms.driver import Account, Route
from mprelease.simulator.douyin import Douyin
from mprelease.simulator.vendor_service import Fault

DRIVER = DouyinDriver()
STRANGER = "尚未登录或 token 已过期"


def problem_detail_of(account: Account, route: Route) -> ProblemDetail:
    with pytest.raises(StageFailed) as failed:
        DRIVER.check(account, route)
    return failed.value.problem_detail


@pytest.mark.parametrize("credential", [None, LOGIN_CREDENTIAL])
def test_an_accepted_account_passes(
    douyin: Douyin, douyin_account: Account, douyin_link: Route, credential: str | None
) -> None:
    account = replace(douyin_account, credential=credential or douyin_account.credential)
    DRIVER.check(account, douyin_link)
    assert DRIVER.last_version(account, douyin_link) is None
    assert douyin.unknown_calls == []


def test_a_strange_token_is_refused(douyin_account: Account, douyin_link: Route) -> None:
    stranger = replace(douyin_account, credential="token\nmade up")
    parameters = {"app_id": DOUYIN_APP_ID, "detail": STRANGER}
    assert problem_detail_of(stranger, douyin_link) == ProblemDetail(
        Problem.TOKEN_REFUSED, parameters
    )


def test_a_token_that_has_expired_is_refused(
    douyin: Douyin, douyin_account: Account, douyin_link: Route
) -> None:
    douyin.set_fault(DOUYIN_APP_ID, Fault.TOKEN_EXPIRED)
    assert problem_detail_of(douyin_account, douyin_link).problem is Problem.TOKEN_REFUSED


def test_a_wrong_password_is_told_in_the_platforms_words(
    douyin_account: Account, douyin_link: Route
) -> None:
    stranger = replace(douyin_account, credential=f"login\n{EMAIL}\nwrong")
    expected = ProblemDetail(Problem.LOGIN_REFUSED, {"detail": "帐号或密码错误"})
    assert problem_detail_of(stranger, douyin_link) == expected


def test_a_person_without_the_app_is_refused(
    douyin: Douyin, douyin_account: Account, douyin_link: Route
) -> None:
    douyin.add_user(EMAIL, "another", [])
    account = replace(douyin_account, credential=f"login\n{EMAIL}\nanother")
    expected = ProblemDetail(Problem.LOGIN_REFUSED, {"detail": STRANGER})
    assert problem_detail_of(account, douyin_link) == expected


def test_an_unknown_app_is_named(douyin_account: Account, douyin_link: Route) -> None:
    other = "ttffffffffffffffff"
    expected = ProblemDetail(Problem.PLATFORM_APP_ID_UNKNOWN, {"app_id": other})
    assert (
        problem_detail_of(replace(douyin_account, platform_app_id=other), douyin_link) == expected
    )


def test_a_dead_proxy_is_told_within_the_time_limit(
    douyin_account: Account, douyin_link: Route
) -> None:
    began = time.monotonic()
    problem_detail = problem_detail_of(
        douyin_account, replace(douyin_link, proxy="http://127.0.0.1:9")
    )
    assert problem_detail.problem is Problem.PLATFORM_UNREACHABLE
    assert problem_detail.parameters["host"] == "developer.toutiao.com"
    assert time.monotonic() - began < 5


def test_a_certificate_that_nobody_vouches_for_is_not_accepted(
    douyin_account: Account, douyin_link: Route
) -> None:
    problem_detail = problem_detail_of(douyin_account, replace(douyin_link, extra_ca=None))
    assert problem_detail.problem is Problem.PLATFORM_UNREACHABLE
