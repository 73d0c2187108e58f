from dataclasses import replace

import pytest

from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.domain.releases import Kind
from mprelease.platforms.alipay.events import ToolError, failure_of, problem_of

UPLOAD = ToolError(
    kind=Kind.UPLOAD,
    app_id="2021000000000001",
    version="26.1122.0",
    folder="/scratch/project",
    code=None,
    message="Error: /scratch/project/app.json is odd (ErrorCode: alipayClient.Odd)",
    log=None,
    sent=False,
    task=None,
    call=None,
    answer=None,
)


@pytest.mark.parametrize(
    ("text", "problem", "parameters"),
    [
        ("验签失败", Problem.KEY_REFUSED, {"app_id": "20"}),
        ("签名错误", Problem.KEY_REFUSED, {"app_id": "20"}),
        ("IP 192.0.2.7 不在工具密钥的 IP 白名单中", Problem.IP_NOT_LISTED, {"ip": "192.0.2.7"}),
        ("当前 IP 不在白名单中", Problem.IP_NOT_LISTED, {"ip": ""}),
        ("小程序不存在", Problem.PLATFORM_APP_ID_UNKNOWN, {"app_id": "20"}),
        (
            "版本号 1.0.1 需大于最新版本 1.0.2",
            Problem.VERSION_NOT_GREATER,
            {"version": "1.0.1", "last": "1.0.2"},
        ),
        (
            "版本号必须大于线上版本",
            Problem.VERSION_NOT_GREATER,
            {"version": "1.0.1", "last": "1.0.1"},
        ),
        ("开发版本数量已达上限", Problem.VERSION_LIMIT, {"limit": 20}),
        ("包大小 9.5MB 超过 8MB", Problem.PACKAGE_TOO_LARGE, {"size": 9728, "limit": 8192}),
        ("系统繁忙", Problem.PLATFORM_REFUSED, {"code": "fail", "detail": "系统繁忙"}),
    ],
)
def test_a_refusal_is_known_by_its_words(
    text: str, problem: Problem, parameters: dict[str, str | int]
) -> None:
    assert problem_of(text, "20", "1.0.1").problem_detail == ProblemDetail(problem, parameters)


def test_a_message_is_told_without_this_machines_folder_and_the_tools_codes() -> None:
    assert UPLOAD.detail == "app.json is odd"


def test_what_was_refused_is_surely_not_there() -> None:
    refused = replace(UPLOAD, sent=True, answer='{"stat":"fail","msg":"验签失败"}')
    failure = failure_of(refused)
    assert failure.error.problem_detail.problem is Problem.KEY_REFUSED
    assert not failure.may_have_arrived


def test_what_was_refused_after_the_platform_took_the_package_may_be_there() -> None:
    answer = '{"stat":"fail","msg":"系统繁忙"}'
    failure = failure_of(replace(UPLOAD, sent=True, task="77", answer=answer))
    assert failure.error.problem_detail.problem is Problem.PUBLISH_CUT
    assert failure.may_have_arrived


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (
            "building\n[ERROR] pages/a.js:3:7: Unexpected token\nend",
            ProblemDetail(
                Problem.SOURCE_SYNTAX_ERROR,
                {"file": "pages/a.js", "line": 3, "detail": "Unexpected token"},
            ),
        ),
        (
            "app.json:1: the page a/b has no a/b.axml",
            ProblemDetail(
                Problem.PAGE_MISSING, {"file": "app.json", "page": "a/b", "missing": "a/b.axml"}
            ),
        ),
        ("no room", ProblemDetail(Problem.PLATFORM_BUILD_FAILED, {"detail": "no room"})),
    ],
)
def test_the_log_of_a_failed_build_is_read(log: str, expected: ProblemDetail) -> None:
    tool_error = replace(UPLOAD, sent=True, task="7", code="PublishBuildError", log=log)
    failure = failure_of(tool_error)
    assert failure.error.problem_detail == expected
    assert not failure.may_have_arrived


def test_what_the_compiler_of_a_preview_says_is_found_behind_its_path() -> None:
    message = "fork fail(1):\n/scratch/compiler/linux/mini-pkg-builder\n\nno such loader"
    failure = failure_of(replace(UPLOAD, kind=Kind.PREVIEW, message=message))
    assert failure.error.problem_detail == ProblemDetail(
        Problem.PUBLISH_FAILED, {"detail": "no such loader"}
    )


def test_a_preview_that_was_cut_off_may_be_repeated() -> None:
    failure = failure_of(replace(UPLOAD, kind=Kind.PREVIEW, sent=True))
    assert failure.error.problem_detail.problem is Problem.PLATFORM_UNREACHABLE


def test_a_host_that_cannot_be_reached_is_named() -> None:
    call = "GET mdn.alipayobjects.com/mini_assets/builder.tgz"
    failure = failure_of(replace(UPLOAD, call=call))
    assert failure.error.problem_detail.parameters["host"] == "mdn.alipayobjects.com"
