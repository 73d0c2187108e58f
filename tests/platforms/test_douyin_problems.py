"""Every message of the tool here is what tt-ide-cli 0.1.33 said, but for the folder's name.

The platform's replies are those of the simulator; few real ones are public.
"""

import json
from dataclasses import replace

import pytest

from douyin_samples import DOUYIN_APP_ID
from mprelease.domain.problems import Parameter, Problem
from mprelease.domain.releases import Kind
from mprelease.platforms.douyin.events import Reply, ToolError, failure_of

BUILT = "/somewhere/built"
HOST = "developer.toutiao.com"
META = f"GET {HOST}/api/apps/v3/meta"
PUT = f"PUT {HOST}/api/v2/app/{DOUYIN_APP_ID}/testing"
PROGRESS = f"GET microapp.bytedance.com/api/v1/app/{DOUYIN_APP_ID}/compile_progress"
FINE = Reply(200, '{"error":0,"message":"success"}')
ASKING = ToolError(
    kind=Kind.UPLOAD,
    app_id=DOUYIN_APP_ID,
    version="26.1122.0",
    folder=BUILT,
    name="Error",
    code=None,
    link=None,
    message="",
    sent=False,
    call=META,
    reply=FINE,
)
SENDING = replace(ASKING, sent=True, call=PUT)
BUILDING = replace(ASKING, sent=True, call=PROGRESS)


def refused(code: int, text: str, status: int = 200) -> Reply:
    return Reply(status, json.dumps({"error": code, "message": text}))


@pytest.mark.parametrize(
    ("tool_error", "problem", "parameters"),
    [
        (
            replace(
                ASKING,
                name="AxiosError",
                code="ERR_BAD_REQUEST",
                message="Request failed with status code 401",
                reply=refused(401, "尚未登录", 401),
            ),
            Problem.TOKEN_REFUSED,
            {"app_id": DOUYIN_APP_ID, "detail": "尚未登录"},
        ),
        (
            replace(
                ASKING, name="Meta Error", message="undefined", reply=refused(7, "token 已过期")
            ),
            Problem.TOKEN_REFUSED,
            {"app_id": DOUYIN_APP_ID, "detail": "token 已过期"},
        ),
        (
            replace(
                ASKING,
                name="Login Error",
                message="帐号或密码错误",
                call=f"POST {HOST}/passport/web/email/login/",
                reply=Reply(200, '{"message":"error","data":{"description":"帐号或密码错误"}}'),
            ),
            Problem.LOGIN_REFUSED,
            {"detail": "帐号或密码错误"},
        ),
        (
            replace(
                ASKING,
                name="Login Error",
                message='Email "lin+ci@example.com" is invalid',
                call=None,
                reply=None,
            ),
            Problem.LOGIN_REFUSED,
            {"detail": 'Email "lin+ci@example.com" is invalid'},
        ),
        (
            replace(ASKING, name="Meta Error", reply=refused(10002, "appid 不存在")),
            Problem.PLATFORM_APP_ID_UNKNOWN,
            {"app_id": DOUYIN_APP_ID},
        ),
        (
            replace(
                SENDING,
                name="Upload Error",
                code=100001,
                message="请先完成开发配置",
                reply=refused(100001, "development config is missing"),
            ),
            Problem.APP_NOT_CONFIGURED,
            {"app_id": DOUYIN_APP_ID, "detail": "development config is missing"},
        ),
        (
            replace(
                ASKING,
                name="Upload Error",
                code=-1,
                message="1.0.0 is smaller than 26.1122.17（pre order version）",
            ),
            Problem.VERSION_NOT_GREATER,
            {"version": "1.0.0", "last": "26.1122.17"},
        ),
        (
            replace(SENDING, reply=refused(10021, "版本号 1.0.0 需大于上一版本 1.0.1")),
            Problem.VERSION_NOT_GREATER,
            {"version": "1.0.0", "last": "1.0.1"},
        ),
        (
            replace(
                ASKING,
                name="PackageSize Error",
                message="sub/ 子包大小为 3.00MB, 超过 2.00MB。\n"
                "可点击【查看解决方案】查看包体积优化方案，修改后重试。",
            ),
            Problem.PACKAGE_TOO_LARGE,
            {"size": 3072, "limit": 2048},
        ),
        (
            replace(
                ASKING,
                name="PackageSize Error",
                message="项目源码包大小 20.00MB，超过 16.00MB。\n主包大小为 20.00MB，超过 4.00MB。",
            ),
            Problem.PACKAGE_TOO_LARGE,
            {"size": 20480, "limit": 16384},
        ),
        (
            replace(SENDING, reply=refused(10031, "代码包大小为 900.5KB，超过 0.50MB")),
            Problem.PACKAGE_TOO_LARGE,
            {"size": 900, "limit": 512},
        ),
        (
            replace(SENDING, reply=refused(55, "审核中，不能上传")),
            Problem.PLATFORM_REFUSED,
            {"code": 55, "detail": "审核中，不能上传"},
        ),
        (
            replace(SENDING, reply=refused(56, "Unexpected token in app.json, see 1.2.3 of 2.3.4")),
            Problem.PLATFORM_REFUSED,
            {"code": 56, "detail": "Unexpected token in app.json, see 1.2.3 of 2.3.4"},
        ),
        (
            replace(
                BUILDING,
                name="Compile Error",
                code=1,
                message="pages/a.js: Unexpected token (3:1)",
                link="https://developer.open-douyin.com/x",
                reply=refused(1, "pages/a.js: Unexpected token (3:1)"),
            ),
            Problem.SOURCE_SYNTAX_ERROR,
            {"file": "pages/a.js", "line": 3, "detail": "Unexpected token"},
        ),
        (
            replace(
                BUILDING,
                name="Compile Error",
                code=1,
                message="编译失败，请检查代码",
                link="https://developer.open-douyin.com/x",
                reply=refused(1, "编译失败，请检查代码"),
            ),
            Problem.PLATFORM_BUILD_FAILED,
            {"detail": "编译失败，请检查代码 https://developer.open-douyin.com/x"},
        ),
        (
            replace(ASKING, code="LATE", message="nothing was sent: it was too late"),
            Problem.PUBLISH_TOO_LATE,
            {},
        ),
        (
            replace(ASKING, code="ABORTED", message="nothing was sent: nobody said go"),
            Problem.PUBLISH_FAILED,
            {"detail": "nothing was sent: nobody said go"},
        ),
        (
            replace(
                SENDING,
                code="ERR_FR_MAX_BODY_LENGTH_EXCEEDED",
                message="Request body larger than maxBodyLength limit",
                reply=None,
            ),
            Problem.TOOL_PACKAGE_LIMIT,
            {"tool": "tt-ide-cli", "mebibytes": 32},
        ),
        (
            replace(
                ASKING,
                code="UNABLE_TO_VERIFY_LEAF_SIGNATURE",
                message="unable to verify the first certificate",
                reply=None,
            ),
            Problem.PLATFORM_UNREACHABLE,
            {"host": HOST, "detail": "unable to verify the first certificate"},
        ),
        (
            replace(
                ASKING,
                message="Request failed with status code 502",
                reply=Reply(502, "<html>502 Bad Gateway</html>"),
            ),
            Problem.PLATFORM_UNREACHABLE,
            {"host": HOST, "detail": "Request failed with status code 502"},
        ),
        (
            replace(
                ASKING,
                name="SyntaxError",
                message=f"{BUILT}/app.json: Expected property name or '}}' in JSON at position 2",
                call=None,
                reply=None,
            ),
            Problem.PUBLISH_FAILED,
            {"detail": "app.json: Expected property name or '}' in JSON at position 2"},
        ),
    ],
)
def test_a_failure_that_left_nothing_behind_is_named(
    tool_error: ToolError, problem: Problem, parameters: dict[str, Parameter]
) -> None:
    failure = failure_of(tool_error)
    assert failure.error.problem_detail.problem is problem
    assert failure.error.problem_detail.parameters == parameters
    assert not failure.may_have_arrived


@pytest.mark.parametrize(
    ("tool_error", "problem"),
    [
        (
            replace(SENDING, message="maxContentLength size of -1 exceeded", reply=None),
            Problem.PUBLISH_CUT,
        ),
        (replace(SENDING, reply=Reply(502, "<html>")), Problem.PUBLISH_CUT),
        (
            replace(SENDING, kind=Kind.PREVIEW, message="socket hang up", reply=None),
            Problem.PLATFORM_UNREACHABLE,
        ),
        (
            replace(BUILDING, name="Compile Error", code=-1, message="read ECONNRESET", reply=None),
            Problem.PUBLISH_CUT,
        ),
        (
            replace(BUILDING, name="Compile Error", code=0, message="查询编译进度超时"),
            Problem.PLATFORM_BUILD_UNFINISHED,
        ),
        (
            replace(
                BUILDING,
                name="Compile Error",
                code=0,
                message="查询编译进度超时",
                reply=refused(401, "尚未登录", 401),
            ),
            Problem.TOKEN_REFUSED,
        ),
    ],
)
def test_a_failure_after_sending_may_have_arrived(tool_error: ToolError, problem: Problem) -> None:
    failure = failure_of(tool_error)
    assert failure.error.problem_detail.problem is problem
    assert failure.may_have_arrived


def test_an_answer_that_broke_off_is_called_that() -> None:
    cut = replace(SENDING, message="maxContentLength size of -1 exceeded", reply=None)
    assert failure_of(cut).error.problem_detail.parameters["detail"] == "the answer broke off"
