"""Every message here is what miniprogram-ci 2.1.42 said, but for the folder's name."""

import pytest

from mprelease.domain.problems import Parameter, Problem
from mprelease.domain.releases import Kind
from mprelease.platforms.wechat.events import ToolError, failure_of
from publishing import APP_ID

BUILT = "/somewhere/built"
HOST = "servicewechat.com"


def tool_error(
    code: int | str | None,
    message: str,
    *,
    path: str | None = None,
    sent: bool = False,
    kind: Kind = Kind.UPLOAD,
) -> ToolError:
    return ToolError(kind, APP_ID, BUILT, code, path, message, sent)


@pytest.mark.parametrize(
    ("message", "problem", "parameters"),
    [
        (
            (
                'Error: {"errCode":-10008,"errMsg":"invalid ip: 10.1.2.3, reference: '
                'https://developers.weixin.qq.com/miniprogram/dev/devtools/ci.html"}'
            ),
            Problem.IP_NOT_LISTED,
            {"ip": "10.1.2.3"},
        ),
        (
            (
                'Error: {"errCode":-10002,"errMsg":"inner upload fail with errcode: -10002, '
                'errmsg: invalid ip: 2001:db8::1"}'
            ),
            Problem.IP_NOT_LISTED,
            {"ip": "2001:db8::1"},
        ),
        (
            'Error: {"errCode":-1,"errMsg":"get new ticket fail: innerCode: -80002"}',
            Problem.KEY_REFUSED,
            {"app_id": APP_ID},
        ),
        (
            'Error: {"errCode":-1,"errMsg":"get new ticket fail innerCode: 40013"}',
            Problem.PLATFORM_APP_ID_UNKNOWN,
            {"app_id": APP_ID},
        ),
        (
            'Error: {"errCode":40013,"errMsg":"invalid appid"}',
            Problem.PLATFORM_APP_ID_UNKNOWN,
            {"app_id": APP_ID},
        ),
        (
            (
                'Error: {"errCode":80051,"errMsg":"main package source size 2580KB exceed max '
                'limit 2048KB"}'
            ),
            Problem.PACKAGE_TOO_LARGE,
            {"package": "main", "size": 2580, "limit": 2048},
        ),
        (
            (
                'Error: {"errCode":80051,"errMsg":"subpackage /shop/ source size 2442KB exceed max '
                'limit 2048KB"}'
            ),
            Problem.PACKAGE_TOO_LARGE,
            {"package": "/shop/", "size": 2442, "limit": 2048},
        ),
        (
            'Error: {"errCode":80082,"errMsg":"no permission to use these plugins"}',
            Problem.PLATFORM_REFUSED,
            {"code": 80082, "detail": "no permission to use these plugins"},
        ),
    ],
)
def test_a_refusal_of_the_platform_is_known_and_certain(
    message: str, problem: Problem, parameters: dict[str, Parameter]
) -> None:
    failure = failure_of(tool_error(20003, message, sent=True))
    assert failure.error.problem_detail.problem is problem
    assert failure.error.problem_detail.parameters == parameters
    assert not failure.may_have_arrived


def test_a_refusal_before_the_compiling_is_known_as_well() -> None:
    message = "Error: errCode: -10008; errMsg: invalid ip: 10.1.2.3, reference: somewhere"
    failure = failure_of(tool_error(20001, message))
    assert failure.error.problem_detail.problem is Problem.IP_NOT_LISTED


@pytest.mark.parametrize(
    "message",
    ["Error: aborted", "SyntaxError: Unexpected token '<', \"<html><hea\"... is not valid JSON"],
)
def test_an_upload_that_was_cut_off_may_have_arrived(message: str) -> None:
    failure = failure_of(tool_error(20003, message, sent=True))
    assert failure.may_have_arrived
    assert failure.error.problem_detail.problem is Problem.PUBLISH_CUT
    assert failure.error.problem_detail.parameters == {
        "host": HOST,
        "detail": message.split(": ", 1)[1],
    }


def test_a_preview_that_was_cut_off_is_only_a_lost_connection() -> None:
    failure = failure_of(tool_error(20003, "Error: aborted", sent=True, kind=Kind.PREVIEW))
    assert failure.error.problem_detail.problem is Problem.PLATFORM_UNREACHABLE


@pytest.mark.parametrize("code", [20001, 20003])
def test_a_connection_that_never_was_is_certain(code: int) -> None:
    detail = "tunneling socket could not be established, cause=connect ECONNREFUSED 127.0.0.1:9"
    failure = failure_of(tool_error(code, f"Error: {detail}"))
    assert not failure.may_have_arrived
    assert failure.error.problem_detail.problem is Problem.PLATFORM_UNREACHABLE
    assert failure.error.problem_detail.parameters == {"host": HOST, "detail": detail}


def test_a_key_that_the_tool_cannot_read_is_known() -> None:
    message = (
        "generate local signature fail. Usually this happens the content or encoding of private "
        "key file is incorrect. Detail: Error: error:1E08010C:DECODER routines::unsupported"
    )
    assert (
        failure_of(tool_error(20002, message)).error.problem_detail.problem
        is Problem.KEY_UNREADABLE
    )


@pytest.mark.parametrize(
    ("message", "file", "page", "missing"),
    [
        (
            'app.json: ["pages"][1] could not find the corresponding file: "pages/gone/gone.wxml"',
            "app.json",
            "pages/gone/gone",
            "pages/gone/gone.wxml",
        ),
        (
            (
                'mini/app.json: ["subPackages"][0]["pages"][1] could not find the corresponding '
                'file: "sub/c.js"'
            ),
            "mini/app.json",
            "sub/c",
            "sub/c.js",
        ),
    ],
)
def test_a_page_that_is_missing_is_named(message: str, file: str, page: str, missing: str) -> None:
    problem_detail = failure_of(tool_error(10005, message, path=file)).error.problem_detail
    assert problem_detail.problem is Problem.PAGE_MISSING
    assert problem_detail.parameters == {"file": file, "page": page, "missing": missing}


def test_a_folder_without_app_json_is_known() -> None:
    message = "app.json: app.json is not found in the project root directory"
    problem_detail = failure_of(tool_error(10005, message, path="app.json")).error.problem_detail
    assert problem_detail.problem is Problem.OUTPUT_NOT_A_MINI_PROGRAM
    assert problem_detail.parameters == {"file": "app.json"}


@pytest.mark.parametrize(
    ("code", "path", "message", "file", "line", "detail"),
    [
        (
            10045,
            None,
            (
                f"file: pages/a.js\n {BUILT}/pages/a.js: Unexpected token (3:0)\n\n"
                "  1 | Page({\n  2 |   data: (\n> 3 | })\n    | ^\n  4 |"
            ),
            "pages/a.js",
            3,
            "Unexpected token",
        ),
        (
            10045,
            None,
            (
                f"file: pages/a.ts\n {BUILT}/pages/a.ts: Unexpected token (1:9)\n\n"
                "> 1 | const x: = 3\n    |          ^\n  2 | Page({})"
            ),
            "pages/a.ts",
            1,
            "Unexpected token",
        ),
        (
            10045,
            None,
            (
                "  x Expression expected\n   ,-[pages/a.js:3:1]\n 1 | Page({\n 2 |   data: (\n"
                " 3 | })\n   : ^\n   `----\n\n\nCaused by:\n    Syntax Error"
            ),
            "pages/a.js",
            3,
            "Expression expected",
        ),
        (
            10006,
            "app.json",
            (
                "app.json: app.json\nExpecting 'STRING','}', got ,\n  2 |   \"pages\": [\n"
                '  3 |     "pages/a"\n> 4 |   ],\n    |     ^\n  5 |   "window": {,}\n  6 | ,'
            ),
            "app.json",
            4,
            "Expecting 'STRING','}', got ,",
        ),
        (
            10006,
            "pages/a.json",
            "pages/a.json: pages/a.json\nExpecting 'STRING','NULL', got }\n  1 | {\"x\":}",
            "pages/a.json",
            1,
            "Expecting 'STRING','NULL', got }",
        ),
        (
            10046,
            "pages/a.less",
            (
                f"SyntaxError: expected ')' got '}}' in {BUILT}/pages/a.less on line 3, column 7:\n"
                "2 .a {\n3   .b( }\n4 \n"
            ),
            "pages/a.less",
            2,
            "expected ')' got '}'",
        ),
        (
            10046,
            "pages/a.scss",
            (
                "Error: Expected expression.\n  ╷\n2 │   .b { color: \n  │               ^\n  ╵\n"
                "  pages/a.scss 2:15  root stylesheet"
            ),
            "pages/a.scss",
            2,
            "Expected expression.",
        ),
        (
            10037,
            "pages/a.wxss",
            "/pages/a.wxss:2:1: Unclosed block\n> 1 | .a { color: red; }\n> 2 | .b {",
            "pages/a.wxss",
            2,
            "Unclosed block",
        ),
        (
            10038,
            "pages/a.wxml",
            "1:15:unexpected end tag: view",
            "pages/a.wxml",
            1,
            "unexpected end tag: view",
        ),
        (
            None,
            None,
            f"parse js file ({BUILT}/node_modules/dep/index.js) failed: Unexpected token (1:18)",
            "node_modules/dep/index.js",
            1,
            "Unexpected token",
        ),
    ],
)
def test_a_syntax_error_is_shown_with_file_and_line(  # noqa: PLR0917 (one column each)
    code: int | None, path: str | None, message: str, file: str, line: int, detail: str
) -> None:
    problem_detail = failure_of(tool_error(code, message, path=path)).error.problem_detail
    assert problem_detail.problem is Problem.SOURCE_SYNTAX_ERROR
    assert problem_detail.parameters == {"file": file, "line": line, "detail": detail}


def test_what_nobody_knows_is_told_in_the_words_of_the_tool() -> None:
    message = (
        'pages/a.json: ["usingComponents"]["x"]: "/components/none", component not found in the '
        f"path: {BUILT}/components/none"
    )
    problem_detail = failure_of(
        tool_error(10009, message, path="pages/a.json")
    ).error.problem_detail
    assert problem_detail.problem is Problem.PUBLISH_FAILED
    assert problem_detail.parameters == {"detail": message.replace(f"{BUILT}/", "")}
