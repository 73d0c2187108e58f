"""The real miniprogram-ci behind our bridge, against a simulated WeChat."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mprelease.domain.problems import Problem
from mprelease.domain.releases import Kind, LaunchOptions
from mprelease.platforms.driver import Failure, Progress, PublishOrder, Result
from mprelease.platforms.wechat.driver import WeChatDriver
from mprelease.simulator.wechat import Refusal, WeChat
from publishing import APP_ID, Publishing, in_a_minute, write_files

pytestmark = pytest.mark.slow

BY_HAND = Path(__file__).parents[2] / "benchmarks" / "by_hand.cjs"
SETTING = {
    "es6": True,
    "enhance": True,
    "postcss": True,
    "minified": True,
    "minifyWXSS": True,
    "minifyWXML": True,
    "useCompilerPlugins": ["less"],
}
FORKS = "forkProcess start"
LEAVE_A_MARK = "require('fs').writeFileSync({file}, require('process').argv.join(' '));\n"


@pytest.fixture
def publishing(wechat_tool: Path, tmp_path: Path) -> Publishing:
    return Publishing(wechat_tool, tmp_path / "tools")


def failed(answer: Result | Failure) -> Failure:
    assert isinstance(answer, Failure), answer
    return answer


def test_an_upload_is_sent_after_go_and_not_before(
    publishing: Publishing, order: PublishOrder, wechat: WeChat
) -> None:
    seen_at_ready: list[int] = []

    def at_ready() -> str:
        seen_at_ready.append(len(wechat.received))
        return WeChatDriver().go_line(in_a_minute())

    answer = publishing.publish(order, at_ready)
    assert isinstance(answer, Result), answer
    (received,) = wechat.received
    assert seen_at_ready == [0]
    assert answer.publication.sizes == received.sizes
    assert (received.kind, received.version, received.robot) == (Kind.UPLOAD, "26.11.22.0", 7)
    assert received.description == order.description
    assert any(isinstance(event, Progress) for event in publishing.events)


def test_a_preview_opens_where_it_is_told(
    publishing: Publishing, order: PublishOrder, wechat: WeChat
) -> None:
    launch = LaunchOptions("pages/a", "a=1&b=$(id)", 1047)
    answer = publishing.publish(replace(order, kind=Kind.PREVIEW, launch=launch))
    assert isinstance(answer, Result), answer
    assert wechat.received[0].launch == launch
    assert (answer.publication.qr_code or b"").startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (lambda: WeChatDriver().go_line(time.time_ns() // 1_000_000 - 1), Problem.PUBLISH_TOO_LATE),
        (lambda: None, Problem.PUBLISH_FAILED),
    ],
    ids=["too late", "hung up"],
)
def test_nothing_is_sent_without_a_go_in_time(
    publishing: Publishing,
    order: PublishOrder,
    wechat: WeChat,
    line: Callable[[], str | None],
    problem: Problem,
) -> None:
    failure = failed(publishing.publish(order, line))
    assert failure.error.trouble.problem is problem
    assert not failure.may_have_arrived
    assert wechat.received == []


def test_a_refused_upload_is_told_apart_from_one_that_was_cut_off(
    wechat_tool: Path, order: PublishOrder, wechat: WeChat, tmp_path: Path
) -> None:
    wechat.refuse(APP_ID, Refusal.BAD_IP)
    refused = failed(Publishing(wechat_tool, tmp_path / "one").publish(order))
    wechat.refuse(APP_ID, Refusal.CONNECTION_CUT)
    cut = failed(Publishing(wechat_tool, tmp_path / "two").publish(order))
    assert refused.error.trouble.problem is Problem.IP_NOT_LISTED
    assert not refused.may_have_arrived
    assert cut.error.trouble.problem is Problem.PUBLISH_CUT
    assert cut.may_have_arrived
    assert len(wechat.received) == 1


def test_a_platform_that_cannot_be_reached_is_told_before_anything_is_sent(
    publishing: Publishing, order: PublishOrder
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
    failure = failed(publishing.publish(replace(order, link=replace(order.link, proxy=address))))
    assert failure.error.trouble.problem is Problem.PLATFORM_UNREACHABLE
    assert not failure.may_have_arrived


def test_a_syntax_error_is_shown_with_file_and_line(
    publishing: Publishing, order: PublishOrder
) -> None:
    write_files(order.built, {"pages/a.js": "Page({\n  data: (\n})\n"})
    trouble = failed(publishing.publish(order)).error.trouble
    assert trouble.problem is Problem.SOURCE_SYNTAX_ERROR
    expected = {"file": "pages/a.js", "line": 3, "detail": "Unexpected token"}
    assert trouble.parameters == expected


def test_a_missing_page_is_named(publishing: Publishing, order: PublishOrder) -> None:
    write_files(order.built, {"app.json": '{"pages":["pages/a","pages/gone"]}'})
    trouble = failed(publishing.publish(order)).error.trouble
    assert trouble.problem is Problem.PAGE_MISSING
    assert trouble.parameters["page"] == "pages/gone"


def test_npm_dependencies_are_packed(
    publishing: Publishing, order: PublishOrder, wechat: WeChat
) -> None:
    files = {
        "package.json": '{"name":"shop","version":"1.0.0","dependencies":{"dep":"1.0.0"}}',
        "node_modules/dep/package.json": '{"name":"dep","version":"1.0.0","main":"index.js"}',
        "node_modules/dep/index.js": "module.exports = 'packed'",
        "pages/a.js": "require('dep'); Page({})",
    }
    write_files(order.built, files)
    assert isinstance(publishing.publish(replace(order, pack_npm=True)), Result)
    assert b"packed" in wechat.received[0].files["miniprogram_npm/dep/index.js"]


def test_a_project_without_dependencies_has_nothing_to_pack(
    publishing: Publishing, order: PublishOrder
) -> None:
    write_files(order.built, {"package.json": '{"name":"shop","version":"1.0.0"}'})
    assert isinstance(publishing.publish(replace(order, pack_npm=True)), Result)


def test_an_app_overrides_single_switches_of_the_compiler(
    wechat_tool: Path, order: PublishOrder, wechat: WeChat, tmp_path: Path
) -> None:
    Publishing(wechat_tool, tmp_path / "one").publish(order)
    modern = replace(order, compile_settings={"es6": False})
    Publishing(wechat_tool, tmp_path / "two").publish(modern)
    compiled, left = (one.files["app.js"] for one in wechat.received)
    assert b"=>" not in compiled
    assert b"=>" in left


def test_what_is_sent_is_what_a_plain_script_sends(
    publishing: Publishing, wechat_tool: Path, order: PublishOrder, wechat: WeChat
) -> None:
    # Our bridge switches the tool's own compiler process and threads off.
    files = {
        "utils/deep.js": "export const wait = async (...all) => (await all[0])?.length ?? 0;",
        "pages/a.js": "import { wait } from '../utils/deep'; Page({ onLoad: () => wait([1]) });",
        "pages/a.wxss": ".a { display: flex; transform: rotate(1deg) }",
        "pages/a.less": ".b { .c { color: red } }",
        "project.config.json": json.dumps({"setting": SETTING}),
    }
    write_files(order.built, files)
    preview = replace(order, kind=Kind.PREVIEW)
    assert isinstance(publishing.publish(preview), Result)
    plain = subprocess.run(
        ("node", BY_HAND, str(wechat_tool / "node_modules" / "miniprogram-ci")),
        input=WeChatDriver().order_line(preview),
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(order.link.extra_ca)},
        cwd=order.scratch,
        capture_output=True,
        text=True,
        check=True,
    )
    ours, theirs = (one.files for one in wechat.received)
    assert ours == theirs
    assert b"=>" not in ours["utils/deep.js"], "it was compiled"
    assert FORKS in plain.stderr
    assert not any(FORKS in line for line in publishing.lines), "the switches work"


def test_a_folder_without_config_is_compiled_like_a_new_project(
    publishing: Publishing, order: PublishOrder, wechat: WeChat
) -> None:
    (order.built / "project.config.json").unlink()
    assert isinstance(publishing.publish(order), Result)
    assert b"=>" not in wechat.received[0].files["app.js"]


def test_a_package_that_the_browserslist_extends_is_not_run(
    publishing: Publishing, order: PublishOrder, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    settings = '{"setting":{"es6":true,"enhance":true,"postcss":true,"minifyWXSS":true}}'
    package = "node_modules/browserslist-config-hostile"
    files = {
        "project.config.json": settings,
        "package.json": '{"browserslist":["extends browserslist-config-hostile"]}',
        "app.wxss": ".a { display: flex }",
        f"{package}/package.json": '{"name":"browserslist-config-hostile","main":"index.js"}',
        f"{package}/index.js": LEAVE_A_MARK.format(file=json.dumps(str(mark)))
        + "module.exports = ['iOS >= 8']",
    }
    write_files(order.built, files)
    assert isinstance(publishing.publish(order), Result)
    assert not mark.exists()


def test_a_plugin_in_a_less_file_is_not_run(
    publishing: Publishing, order: PublishOrder, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    files = {
        "project.config.json": '{"setting":{"useCompilerPlugins":["less"]}}',
        "pages/a.less": '@import "./deep.less";',
        "pages/deep.less": '@plugin "./hostile";',
        "pages/hostile.js": LEAVE_A_MARK.format(file=json.dumps(str(mark))),
    }
    write_files(order.built, files)
    failure = failed(publishing.publish(order))
    assert "may not run" in str(failure.error.trouble.parameters["detail"])
    assert not mark.exists()
