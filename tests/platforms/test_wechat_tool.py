"""The real miniprogram-ci behind our bridge, against a simulated WeChat."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from mprelease.domain.apps import ProjectType
from mprelease.domain.problems import Message, Problem
from mprelease.domain.releases import Kind
from mprelease.platforms.driver import PublishOrder, Result
from mprelease.platforms.wechat.driver import WeChatDriver
from mprelease.simulator.vendor_service import Fault
from mprelease.simulator.wechat import WeChat
from publishing import APP_ID, Publishing, accepted, failed, write_files

pytestmark = pytest.mark.slow

VENDOR_SCRIPT = Path(__file__).parents[2] / "benchmarks" / "vendor_script.cjs"
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


def test_an_upload_goes_to_its_robot_and_tells_the_sizes(
    publishing: Publishing, order: PublishOrder, wechat: WeChat
) -> None:
    answer = accepted(publishing.publish(order))
    (received,) = wechat.received
    assert received.robot == 7
    assert answer.publication.sizes == received.sizes


def test_a_plugin_is_told_by_the_id_of_its_development_version(
    publishing: Publishing, order: PublishOrder, wechat: WeChat
) -> None:
    files = {
        "project.config.json": '{"compileType":"plugin","pluginRoot":"hello/"}',
        "hello/plugin.json": '{"main":"index.js"}',
        "hello/index.js": "module.exports = {}",
    }
    write_files(order.built, files)
    plugin = replace(order, project_type=ProjectType.MINI_PROGRAM_PLUGIN)
    answer = accepted(publishing.publish(plugin))
    assert answer.publication.qr_code is None
    assert answer.hints == (Message("hint.wechat_plugin", {"id": wechat.received[0].plugin_id}),)


def test_an_address_that_is_not_listed_is_refused(
    publishing: Publishing, order: PublishOrder, wechat: WeChat
) -> None:
    wechat.set_fault(APP_ID, Fault.BAD_IP)
    failure = failed(publishing.publish(order))
    assert failure.error.problem_detail.problem is Problem.IP_NOT_LISTED
    assert not failure.may_have_arrived
    assert wechat.received == []


def test_a_missing_page_is_named(publishing: Publishing, order: PublishOrder) -> None:
    write_files(order.built, {"app.json": '{"pages":["pages/a","pages/gone"]}'})
    problem_detail = failed(publishing.publish(order)).error.problem_detail
    assert problem_detail.problem is Problem.PAGE_MISSING
    assert problem_detail.parameters["page"] == "pages/gone"


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


def test_a_preview_of_up_to_four_megabytes_is_asked_for_by_a_setting(
    wechat_tool: Path, order: PublishOrder, wechat: WeChat, tmp_path: Path
) -> None:
    """Issue 12, number 8."""
    (order.built / "large.png").write_bytes(os.urandom(5 * 2**19))
    preview = replace(order, kind=Kind.PREVIEW)
    refused = failed(Publishing(wechat_tool, tmp_path / "one").publish(preview))
    assert refused.error.problem_detail.problem is Problem.PACKAGE_TOO_LARGE
    big = replace(preview, compile_settings={"bigPackageSizeSupport": True})
    accepted(Publishing(wechat_tool, tmp_path / "two").publish(big))
    assert "large.png" in wechat.received[0].files


@pytest.mark.parametrize("filtered", [True, False])
def test_files_that_no_page_needs_are_left_out_or_kept_by_a_setting(
    filtered: bool, publishing: Publishing, order: PublishOrder, wechat: WeChat
) -> None:
    """Issue 12, number 8: whatever project.config.json says."""
    setting = {"es6": True, "ignoreUploadUnusedFiles": not filtered}
    config = json.dumps({"miniprogramRoot": "./", "setting": setting})
    write_files(order.built, {"project.config.json": config, "unused.js": "module.exports = 1"})
    settings = {"allowIgnoreUnusedFiles": filtered}
    accepted(publishing.publish(replace(order, compile_settings=settings)))
    assert ("unused.js" in wechat.received[0].files) is not filtered


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
        ("node", VENDOR_SCRIPT, "wechat", str(wechat_tool / "node_modules")),
        input=WeChatDriver().order_line(preview),
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(order.route.extra_ca)},
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
    assert "may not run" in str(failure.error.problem_detail.parameters["detail"])
    assert not mark.exists()
