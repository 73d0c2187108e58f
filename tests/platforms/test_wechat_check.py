import time
from dataclasses import replace

import pytest

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.platforms.driver import Account, Route
from mprelease.platforms.wechat.driver import WeChatDriver
from mprelease.simulator.keys import make_key
from mprelease.simulator.vendor_service import Fault
from mprelease.simulator.wechat import WeChat
from publishing import APP_ID


def problem_detail_of(account: Account, route: Route) -> ProblemDetail:
    with pytest.raises(StageFailed) as failed:
        WeChatDriver().check(account, route)
    return failed.value.problem_detail


def test_an_accepted_account_passes(account: Account, route: Route) -> None:
    WeChatDriver().check(account, route)


def test_an_address_that_is_not_listed_is_named(
    wechat: WeChat, account: Account, route: Route
) -> None:
    wechat.set_fault(APP_ID, Fault.BAD_IP)
    assert problem_detail_of(account, route) == ProblemDetail(
        Problem.IP_NOT_LISTED, {"ip": "127.0.0.1"}
    )


def test_a_strange_key_is_refused(account: Account, route: Route) -> None:
    stranger = replace(account, credential=make_key())
    assert problem_detail_of(stranger, route) == ProblemDetail(
        Problem.KEY_REFUSED, {"app_id": APP_ID}
    )


def test_an_unknown_app_is_named(account: Account, route: Route) -> None:
    other = "wxffffffffffffffff"
    expected = ProblemDetail(Problem.PLATFORM_APP_ID_UNKNOWN, {"app_id": other})
    assert problem_detail_of(replace(account, platform_app_id=other), route) == expected


def test_a_dead_proxy_is_told_within_the_time_limit(account: Account, route: Route) -> None:
    began = time.monotonic()
    problem_detail = problem_detail_of(account, replace(route, proxy="http://127.0.0.1:9"))
    assert problem_detail.problem is Problem.PLATFORM_UNREACHABLE
    assert problem_detail.parameters["host"] == "servicewechat.com"
    assert time.monotonic() - began < 5


def test_a_certificate_that_nobody_vouches_for_is_not_accepted(
    account: Account, route: Route
) -> None:
    problem_detail = problem_detail_of(account, replace(route, extra_ca=None))
    assert problem_detail.problem is Problem.PLATFORM_UNREACHABLE
