"""The real minidev behind our bridge, against a simulated Alipay."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alipay_samples import (
    ALIPAY_APP_ID,
    ALIPAY_PROJECT,
)
from alipay_samples import (
    ALIPAY_DRIVER as DRIVER,
)
from mprelease.domain.problems import Problem
from mprelease.platforms.driver import (
    PublishOrder,
    ToolDownload,
)
from mprelease.process.tree import Stop
from mprelease.simulator.alipay import Alipay
from mprelease.simulator.vendor_service import Fault
from publishing import Publishing, accepted, failed, write_files

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(autouse=True)
def _no_strange_calls(alipay: Alipay) -> Iterator[None]:
    """No telemetry, and nothing else that the simulator does not know."""
    yield
    assert alipay.unknown_calls == []


def test_an_upload_is_what_was_built_and_shown_to_testers(
    alipay_publishing: Publishing, alipay_order: PublishOrder, alipay: Alipay
) -> None:
    answer = accepted(alipay_publishing.publish(alipay_order))
    (received,) = alipay.received
    assert received.files == {name: text.encode() for name, text in ALIPAY_PROJECT.items()}
    assert alipay.versions(ALIPAY_APP_ID) == ["26.1122.0"]
    assert alipay.trial_version(ALIPAY_APP_ID) == "26.1122.0"
    assert (answer.publication.qr_code or b"").startswith(b"\x89PNG")
    assert answer.hints == ()


def test_a_preview_is_what_was_compiled_and_tells_the_sizes_of_its_packages(
    alipay_publishing: Publishing, alipay_preview: PublishOrder, alipay: Alipay
) -> None:
    answer = accepted(alipay_publishing.publish(alipay_preview))
    (received,) = alipay.received
    assert answer.publication.sizes is not None
    assert answer.publication.sizes.packages == {"sub": received.packages["sub"]}
    compiled = {"app.js", "pages/a.axml", "sub/b.js"}
    assert {name: received.files[name] for name in compiled} == {
        name: ALIPAY_PROJECT[name].encode() for name in compiled
    }


def test_a_preview_in_typescript_takes_the_compiler_of_the_language_from_beside_the_tool(
    alipay_publishing: Publishing, alipay_preview: PublishOrder
) -> None:
    """Issue 12, number 25: each preview fetched it from a registry, and kept nothing."""
    config = '{"format":2,"compileOptions":{"typescript":true}}'
    write_files(alipay_preview.built, {"mini.project.json": config})
    accepted(alipay_publishing.publish(alipay_preview))
    hosts = {line.split()[3] for line in alipay_publishing.lines if "GET " in line}
    assert not [host for host in hosts if "registry" in host]
    assert any("typescript-lib" in line for line in alipay_publishing.lines)


def test_a_refused_preview_has_not_arrived(
    alipay_publishing: Publishing, alipay_preview: PublishOrder, alipay: Alipay
) -> None:
    alipay.set_fault(ALIPAY_APP_ID, Fault.TOO_LARGE)
    failure = failed(alipay_publishing.publish(alipay_preview))
    assert failure.error.problem_detail.problem is Problem.PACKAGE_TOO_LARGE
    assert not failure.may_have_arrived


def test_an_upload_may_leave_the_experience_version_as_it_is(
    alipay_publishing: Publishing, alipay_plain: PublishOrder, alipay: Alipay
) -> None:
    answer = accepted(alipay_publishing.publish(alipay_plain))
    assert alipay.versions(ALIPAY_APP_ID) == ["26.1122.0"]
    assert alipay.trial_version(ALIPAY_APP_ID) is None
    assert (answer.publication.qr_code, answer.hints) == (None, ())


def test_the_compiler_is_fetched_from_the_vendor_once_for_all_releases(
    alipay_tool: Path, alipay_preview: PublishOrder, tmp_path: Path
) -> None:
    home = tmp_path / "tools" / alipay_tool.name
    shutil.copytree(alipay_tool / "node_modules", home / "node_modules", symlinks=True)
    fetched: list[int] = []
    for number in range(2):
        scratch = tmp_path / f"scratch{number}"
        order = replace(
            alipay_preview, scratch=scratch, built=write_files(scratch / "project", ALIPAY_PROJECT)
        )
        publishing = Publishing(home, scratch / "tools", driver=DRIVER)
        accepted(publishing.publish(order))
        fetched.append(sum(isinstance(event, ToolDownload) for event in publishing.events))
        # What the process has left behind is nobody's.
        for program in scratch.rglob("mini-pkg-builder"):
            program.write_text("evil")
        DRIVER.keep_download(tmp_path / "tools", order.account, order.route, Stop())
    assert fetched == [1, 0]
    kept = home / "compilers" / "cubebuild@0.100.12-simulator" / "linux"
    assert {one.name for one in kept.iterdir()} == {"compiler.cjs", "mini-pkg-builder"}
    assert b"evil" not in (kept / "mini-pkg-builder").read_bytes()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.BAD_IP, (Problem.IP_NOT_LISTED, False)),
        (Fault.UNKNOWN_APP, (Problem.PLATFORM_APP_ID_UNKNOWN, False)),
        (Fault.VERSION_NOT_GREATER, (Problem.VERSION_NOT_GREATER, False)),
        (Fault.SERVER_ERROR, (Problem.PUBLISH_CUT, True)),
        (Fault.BUILD_NEVER_ENDS, (Problem.PLATFORM_BUILD_UNFINISHED, True)),
    ],
)
def test_a_refused_upload_is_told_apart_from_one_that_was_cut_off(
    alipay_publishing: Publishing,
    alipay_order: PublishOrder,
    alipay: Alipay,
    fault: Fault,
    expected: tuple[Problem, bool],
) -> None:
    alipay.set_fault(ALIPAY_APP_ID, fault)
    failure = failed(alipay_publishing.publish(alipay_order))
    assert (failure.error.problem_detail.problem, failure.may_have_arrived) == expected
    assert alipay.versions(ALIPAY_APP_ID) == []


def test_a_mistake_in_the_source_is_found_by_the_platforms_build_of_an_upload(
    alipay_publishing: Publishing, alipay_order: PublishOrder, alipay: Alipay
) -> None:
    write_files(alipay_order.built, {"pages/a.json": '{\n  "a": 1,\n}'})
    failure = failed(alipay_publishing.publish(alipay_order))
    assert failure.error.problem_detail.problem is Problem.SOURCE_SYNTAX_ERROR
    assert failure.error.problem_detail.parameters["file"] == "pages/a.json"
    assert failure.error.problem_detail.parameters["line"] == 3
    assert not failure.may_have_arrived
    assert alipay.versions(ALIPAY_APP_ID) == []


@pytest.mark.parametrize(
    ("fault", "detail"),
    [
        (Fault.TRIAL_REFUSED, "没有设置体验版的权限"),
        (Fault.TRIAL_NEVER_READY, "no end after 3 s"),
    ],
)
def test_an_upload_that_testers_do_not_see_has_succeeded_and_can_be_finished(
    alipay_publishing: Publishing,
    alipay_order: PublishOrder,
    alipay: Alipay,
    fault: Fault,
    detail: str,
) -> None:
    alipay.set_fault(ALIPAY_APP_ID, fault)
    answer = accepted(alipay_publishing.publish(alipay_order))
    assert [(hint.id, hint.parameters) for hint in answer.hints] == [
        ("hint.alipay_not_experience", {"version": "26.1122.0", "detail": detail})
    ]
    assert alipay.versions(ALIPAY_APP_ID) == ["26.1122.0"]
    assert alipay.trial_version(ALIPAY_APP_ID) is None
    alipay.set_fault(ALIPAY_APP_ID, None)
    finished = DRIVER.finish(alipay_order.account, alipay_order.route, "26.1122.0")
    assert alipay.trial_version(ALIPAY_APP_ID) == "26.1122.0"
    assert (finished.publication.qr_code or b"").startswith(b"\x89PNG")


def test_an_image_that_cannot_be_fetched_is_told_with_its_address(
    alipay_publishing: Publishing, alipay_preview: PublishOrder, alipay: Alipay
) -> None:
    alipay.set_fault(ALIPAY_APP_ID, Fault.NO_QR_CODE)
    answer = accepted(alipay_publishing.publish(alipay_preview))
    assert answer.publication.qr_code is None
    assert [hint.parameters for hint in answer.hints] == [
        {"address": alipay.received[0].qr_code_url},
    ]


@pytest.mark.parametrize("remove", [False, True])
def test_the_oldest_version_makes_room_only_where_that_is_wanted(
    alipay_publishing: Publishing, alipay_order: PublishOrder, alipay: Alipay, *, remove: bool
) -> None:
    alipay.add_versions(ALIPAY_APP_ID, [f"1.{number}.0" for number in range(20)])
    settings = {"experience": False, "removeOldest": remove}
    answer = alipay_publishing.publish(replace(alipay_order, compile_settings=settings))
    if remove:
        hints = accepted(answer).hints
        assert [(hint.id, hint.parameters) for hint in hints] == [
            ("hint.alipay_removed", {"version": "1.0.0"})
        ]
        kept = [*(f"1.{number}.0" for number in range(1, 20)), "26.1122.0"]
        assert alipay.versions(ALIPAY_APP_ID) == kept
    else:
        assert failed(answer).error.problem_detail.problem is Problem.VERSION_LIMIT
        assert len(alipay.versions(ALIPAY_APP_ID)) == 20


def test_a_description_is_cut_to_what_the_tool_takes(
    alipay_publishing: Publishing, alipay_plain: PublishOrder, alipay: Alipay
) -> None:
    accepted(alipay_publishing.publish(replace(alipay_plain, description="发布😀" * 200)))
    description = alipay.received[0].description or ""
    assert description.startswith("发布😀发布😀")
    assert description.endswith("…")
