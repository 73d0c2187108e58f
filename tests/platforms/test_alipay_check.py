import socket
import time
from dataclasses import replace

import pytest

from alipay_samples import ALIPAY_APP_ID, TOOL_ID
from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.platforms.alipay.driver import AlipayDriver
from mprelease.platforms.driver import Account, Route
from mprelease.simulator.alipay import Alipay
from mprelease.simulator.keys import make_key
from mprelease.simulator.vendor_service import Fault

DRIVER = AlipayDriver(experience_seconds=0.5)


def problem_detail_of(account: Account, route: Route) -> ProblemDetail:
    with pytest.raises(StageFailed) as failed:
        DRIVER.check(account, route)
    return failed.value.problem_detail


def test_an_accepted_account_passes(
    alipay: Alipay, alipay_account: Account, alipay_link: Route
) -> None:
    DRIVER.check(alipay_account, alipay_link)
    assert DRIVER.last_version(alipay_account, alipay_link) is None
    alipay.add_versions(ALIPAY_APP_ID, ["26.1122.0", "26.1122.10"])
    assert DRIVER.last_version(alipay_account, alipay_link) == "26.1122.10"
    assert alipay.unknown_calls == []


def test_the_trial_version_is_found_among_the_newest(
    alipay: Alipay, alipay_account: Account, alipay_link: Route
) -> None:
    versions = [f"26.1122.{number}" for number in range(12)]
    alipay.add_versions(ALIPAY_APP_ID, versions)
    newest = versions[::-1]
    assert DRIVER.trial_version(alipay_account, alipay_link, newest) is None
    DRIVER.finish(alipay_account, alipay_link, "26.1122.7")
    assert DRIVER.trial_version(alipay_account, alipay_link, newest) == "26.1122.7"
    # At most ten are requested.
    DRIVER.finish(alipay_account, alipay_link, "26.1122.1")
    assert DRIVER.trial_version(alipay_account, alipay_link, newest) is None
    assert alipay.unknown_calls == []


def test_a_strange_key_is_refused(alipay_account: Account, alipay_link: Route) -> None:
    stranger = replace(alipay_account, credential=f"{TOOL_ID}\n{make_key()}")
    expected = ProblemDetail(Problem.KEY_REFUSED, {"app_id": ALIPAY_APP_ID})
    assert problem_detail_of(stranger, alipay_link) == expected


def test_an_address_that_is_not_listed_is_named(
    alipay: Alipay, alipay_account: Account, alipay_link: Route
) -> None:
    alipay.set_fault(ALIPAY_APP_ID, Fault.BAD_IP)
    expected = ProblemDetail(Problem.IP_NOT_LISTED, {"ip": "127.0.0.1"})
    assert problem_detail_of(alipay_account, alipay_link) == expected


def test_an_unknown_app_is_named(alipay_account: Account, alipay_link: Route) -> None:
    other = replace(alipay_account, platform_app_id="2021009999999999")
    expected = ProblemDetail(Problem.PLATFORM_APP_ID_UNKNOWN, {"app_id": "2021009999999999"})
    assert problem_detail_of(other, alipay_link) == expected


def test_a_dead_proxy_is_told_within_the_time_limit(
    alipay_account: Account, alipay_link: Route
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
    began = time.monotonic()
    problem_detail = problem_detail_of(alipay_account, replace(alipay_link, proxy=address))
    assert problem_detail.problem is Problem.PLATFORM_UNREACHABLE
    assert problem_detail.parameters["host"] == "ideservice.alipay.com"
    assert time.monotonic() - began < 5


def test_a_certificate_that_nobody_vouches_for_is_not_accepted(
    alipay_account: Account, alipay_link: Route
) -> None:
    problem_detail = problem_detail_of(alipay_account, replace(alipay_link, extra_ca=None))
    assert problem_detail.problem is Problem.PLATFORM_UNREACHABLE


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (Fault.TRIAL_REFUSED, Problem.PLATFORM_REFUSED),
        (Fault.TRIAL_NEVER_READY, Problem.PLATFORM_BUILD_UNFINISHED),
    ],
)
def test_finishing_ends_in_time_whatever_the_platform_does(
    alipay: Alipay,
    alipay_account: Account,
    alipay_link: Route,
    fault: Fault,
    problem: Problem,
) -> None:
    alipay.add_versions(ALIPAY_APP_ID, ["26.1122.0"])
    alipay.set_fault(ALIPAY_APP_ID, fault)
    with pytest.raises(StageFailed) as failed:
        DRIVER.finish(alipay_account, alipay_link, "26.1122.0")
    assert failed.value.problem_detail.problem is problem


def test_finishing_twice_is_harmless(
    alipay: Alipay, alipay_account: Account, alipay_link: Route
) -> None:
    alipay.add_versions(ALIPAY_APP_ID, ["26.1122.0"])
    for _ in range(2):
        result = DRIVER.finish(alipay_account, alipay_link, "26.1122.0")
        assert (result.publication.qr_code or b"").startswith(b"\x89PNG")
    assert alipay.trial_version(ALIPAY_APP_ID) == "26.1122.0"
