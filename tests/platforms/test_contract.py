"""What every driver promises, with the vendors' real tools against the simulated platforms."""

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from mprelease.domain.apps import ProjectType
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, LaunchOptions
from mprelease.platforms.driver import Loaded, Progress, PublishOrder, Ready, Result, Route
from mprelease.simulator.proxy import Simulator
from mprelease.simulator.vendor_service import Fault
from platform_cases import PLATFORM_CASES, PlatformCase
from publishing import (
    Publishing,
    accepted,
    failed,
    in_a_minute,
    processes_with,
    texts_below,
    write_files,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ME, ME_SAYS = "me.js", "module.exports = '{}'"  # for which app it was built


class Canceled(Exception):
    """Somebody has asked for the end."""


@pytest.fixture(params=PLATFORM_CASES, ids=lambda each: each.driver.platform)
def case(
    request: pytest.FixtureRequest, tmp_path: Path, keys: Sequence[str]
) -> Iterator[PlatformCase]:
    made: PlatformCase = request.param(tmp_path / "platform", keys)
    yield made
    assert made.service.unknown_calls == [], "telemetry, or another call that nobody knows"


@pytest.fixture
def route(case: PlatformCase, tmp_path: Path) -> Iterator[Route]:
    with Simulator(tmp_path / "simulator", [case.service]) as running:
        yield Route(running.proxy_url, running.ca_file)


Order = Callable[[str], PublishOrder]


@pytest.fixture
def order_for(case: PlatformCase, route: Route, tmp_path: Path) -> Order:
    def made(app_id: str) -> PublishOrder:
        scratch = tmp_path / app_id
        scratch.mkdir()
        return PublishOrder(
            kind=Kind.UPLOAD,
            account=case.account(app_id),
            route=route,
            built=write_files(scratch / "built", {**case.files, ME: ME_SAYS.format(app_id)}),
            project_type=ProjectType.MINI_PROGRAM,
            version="26.1122.0",
            description='say "hi"; $(id)',
            robot=7,
            launch=LaunchOptions(),
            compile_settings=case.settings,
            pack_npm=False,
            scratch=scratch,
        )

    return made


@pytest.fixture
def app(case: PlatformCase) -> str:
    return case.app_ids[0]


@pytest.fixture
def upload(order_for: Order, app: str) -> PublishOrder:
    return order_for(app)


@pytest.fixture
def preview(upload: PublishOrder) -> PublishOrder:
    return replace(upload, kind=Kind.PREVIEW)


Publisher = Callable[[PublishOrder], Publishing]


@pytest.fixture
def publisher(case: PlatformCase, request: pytest.FixtureRequest) -> Publisher:
    tool: Path = request.getfixturevalue(f"{case.driver.platform}_tool")

    def made(order: PublishOrder) -> Publishing:
        return Publishing(tool, order.scratch / "tools", driver=case.driver)

    return made


def test_every_driver_is_in_the_contract() -> None:
    assert {each.driver.platform for each in PLATFORM_CASES} == set(Platform)


def test_an_upload_is_sent_after_go_and_not_before(
    case: PlatformCase, publisher: Publisher, upload: PublishOrder, app: str
) -> None:
    arrived: list[int] = []

    def at_ready() -> str:
        arrived.append(len(case.received))
        return case.driver.go_line(in_a_minute())

    publishing = publisher(upload)
    accepted(publishing.publish(upload, at_ready))
    (received,) = case.service.received
    assert arrived == [0]
    assert (received.kind, received.app_id) == (Kind.UPLOAD, app)
    assert (received.version, received.description) == ("26.1122.0", upload.description)
    assert app in received.files[ME].decode()
    kinds = [type(event) for event in publishing.events]
    assert (kinds[0], kinds[-1]) == (Loaded, Result)
    assert set(kinds) <= {Loaded, Progress, Ready, Result}


def test_a_preview_opens_where_it_is_told(
    case: PlatformCase, publisher: Publisher, preview: PublishOrder
) -> None:
    launch = LaunchOptions("pages/a", "a=1&b=$(id)", 1011)
    answer = accepted(publisher(preview).publish(replace(preview, launch=launch)))
    (received,) = case.received
    assert received.kind is Kind.PREVIEW
    assert received.app_id in received.files[ME].decode()
    assert (launch, answer.publication.qr_code) == case.shown()
    kinds = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8"}
    begin = kinds[answer.publication.qr_code_type]
    assert (answer.publication.qr_code or b"").startswith(begin)


def test_the_credential_of_another_app_is_refused(
    case: PlatformCase, publisher: Publisher, upload: PublishOrder
) -> None:
    credential = case.credential(case.app_ids[1])
    order = replace(upload, account=replace(upload.account, credential=credential))
    failure = failed(publisher(order).publish(order))
    assert failure.error.problem_detail.problem is case.credential_refused
    assert not failure.may_have_arrived
    assert case.received == []


def test_a_package_that_the_platform_refuses_has_not_arrived(
    case: PlatformCase, publisher: Publisher, upload: PublishOrder, app: str
) -> None:
    case.set_fault(app, Fault.TOO_LARGE)
    failure = failed(publisher(upload).publish(upload))
    assert failure.error.problem_detail.problem is Problem.PACKAGE_TOO_LARGE
    assert not failure.may_have_arrived
    assert case.received == []


def test_a_mistake_in_the_source_is_shown_with_file_and_line(
    case: PlatformCase, publisher: Publisher, preview: PublishOrder
) -> None:
    source_error = case.source_error
    write_files(preview.built, {source_error.file: source_error.text})
    failure = failed(publisher(preview).publish(preview))
    problem_detail = failure.error.problem_detail
    assert problem_detail.problem is Problem.SOURCE_SYNTAX_ERROR
    assert (problem_detail.parameters["file"], problem_detail.parameters["line"]) == (
        source_error.file,
        source_error.line,
    )
    assert problem_detail.parameters["detail"]
    assert not failure.may_have_arrived


@pytest.mark.parametrize("kind", list(Kind))
def test_what_was_sent_before_the_network_was_cut_may_have_arrived(
    case: PlatformCase, publisher: Publisher, upload: PublishOrder, kind: Kind
) -> None:
    case.set_fault(upload.account.platform_app_id, Fault.CONNECTION_CUT)
    failure = failed(publisher(upload).publish(replace(upload, kind=kind)))
    # A preview may be made again, whatever became of this one.
    lost = Problem.PUBLISH_CUT if kind is Kind.UPLOAD else Problem.PLATFORM_UNREACHABLE
    assert failure.error.problem_detail.problem is lost
    assert failure.may_have_arrived
    assert len(case.received) == 1


def test_a_platform_that_cannot_be_reached_has_nothing(
    case: PlatformCase, publisher: Publisher, upload: PublishOrder
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
    order = replace(upload, route=replace(upload.route, proxy=address))
    failure = failed(publisher(order).publish(order))
    assert failure.error.problem_detail.problem is Problem.PLATFORM_UNREACHABLE
    assert not failure.may_have_arrived
    assert case.received == []


def test_a_certificate_that_nobody_vouches_for_is_not_trusted_behind_a_proxy_either(
    case: PlatformCase, publisher: Publisher, upload: PublishOrder
) -> None:
    order = replace(upload, route=replace(upload.route, extra_ca=None))
    failure = failed(publisher(order).publish(order))
    assert failure.error.problem_detail.problem is Problem.PLATFORM_UNREACHABLE
    assert case.received == []


def test_the_time_limit_ends_an_upload_that_is_not_answered(
    case: PlatformCase, publisher: Publisher, upload: PublishOrder, app: str
) -> None:
    case.set_fault(app, Fault.SLOW)
    publishing = publisher(upload)

    def at_ready() -> str:
        publishing.processes[0].limit(2)
        return case.driver.go_line(in_a_minute())

    ended = publishing.converse(upload, at_ready)
    assert (ended.timed_out, ended.stopped) == (True, False)
    assert publishing.answers == []
    assert processes_with(str(upload.scratch)) == []


def test_a_cancel_before_go_sends_nothing_and_leaves_nobody(
    case: PlatformCase, publisher: Publisher, upload: PublishOrder
) -> None:
    publishing = publisher(upload)

    def at_ready() -> str:
        publishing.stop.ask(Canceled())
        return "wait"

    ended = publishing.converse(upload, at_ready)
    assert ended.stopped
    assert publishing.answers == [] or not failed(publishing.answers[0]).may_have_arrived
    assert case.received == []
    assert processes_with(str(upload.scratch)) == []


def test_a_cancel_after_go_leaves_nobody_who_waits_for_the_answer(
    case: PlatformCase, publisher: Publisher, upload: PublishOrder, app: str
) -> None:
    case.set_fault(app, Fault.SLOW)
    publishing = publisher(upload)

    def cancel() -> None:
        case.service.wait_for(1, 60)
        publishing.stop.ask(Canceled())

    with ThreadPoolExecutor(1) as pool:
        canceled = pool.submit(cancel)
        ended = publishing.converse(upload)
        canceled.result()
    assert ended.stopped
    assert publishing.answers == []
    assert len(case.received) == 1
    assert processes_with(str(upload.scratch)) == []


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        (Kind.UPLOAD, Problem.PUBLISH_TOO_LATE),
        (Kind.PREVIEW, Problem.PUBLISH_TOO_LATE),
        (Kind.UPLOAD, Problem.PUBLISH_FAILED),
    ],
)
def test_nothing_is_sent_without_a_go_in_time(
    case: PlatformCase, publisher: Publisher, upload: PublishOrder, kind: Kind, problem: Problem
) -> None:
    def at_ready() -> str | None:
        is_late = problem is Problem.PUBLISH_TOO_LATE
        return case.driver.go_line(time.time_ns() // 1_000_000 - 1) if is_late else None

    failure = failed(publisher(upload).publish(replace(upload, kind=kind), at_ready))
    assert failure.error.problem_detail.problem is problem
    assert not failure.may_have_arrived
    assert case.received == []


def test_releases_of_two_apps_at_the_same_time_do_not_meet(
    case: PlatformCase, publisher: Publisher, order_for: Order
) -> None:
    both_are_ready = Barrier(2, timeout=120)

    def at_ready() -> str:
        both_are_ready.wait()
        return case.driver.go_line(in_a_minute())

    orders = [order_for(app_id) for app_id in case.app_ids]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda one: publisher(one).publish(one, at_ready), orders))
    assert all(isinstance(answer, Result) for answer in answers), answers
    assert {one.app_id for one in case.received} == set(case.app_ids)
    assert all(one.app_id in one.files[ME].decode() for one in case.received)


@pytest.mark.parametrize("kind", list(Kind))
def test_the_credential_is_in_no_line_no_process_and_no_file(
    case: PlatformCase, publisher: Publisher, upload: PublishOrder, kind: Kind
) -> None:
    began = time.time()
    publishing = publisher(upload)
    places = (upload.scratch, publishing.tool)
    seen: list[str] = []

    def at_ready() -> str:
        assert processes_with(str(upload.scratch))
        seen.extend([*processes_with(""), *texts_below(places, since=began)])
        return case.driver.go_line(in_a_minute())

    accepted(publishing.publish(replace(upload, kind=kind), at_ready))
    seen += [*publishing.lines, *map(str, publishing.events), *texts_below(places, since=began)]
    secrets = case.secrets(upload.account.credential)
    assert secrets
    assert not [secret for secret in secrets if any(secret in text for text in seen)]
