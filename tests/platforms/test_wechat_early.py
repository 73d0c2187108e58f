"""What a process does ahead of its order saves time, and changes nothing of the package."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from mprelease.domain.releases import Kind
from mprelease.platforms.driver import PublishOrder, ToolEnvironment
from mprelease.platforms.tools import BRIDGES
from mprelease.platforms.wechat.driver import WeChatDriver
from mprelease.process.command import Command
from mprelease.simulator.wechat import WeChat
from publishing import Publishing, accepted, in_a_minute, write_files

LATE_MODULES = Path(__file__).with_name("late_modules.cjs")
SETTING = {
    "es6": True,
    "enhance": True,
    "postcss": True,
    "minified": True,
    "minifyWXSS": True,
    "minifyWXML": True,
}
FILES = {
    "utils/deep.js": "export const wait = async (...all) => (await all[0])?.length ?? 0;",
    "pages/a.js": "import { wait } from '../utils/deep'; class A {} Page({ a: () => wait(A) });",
    "pages/a.wxss": ".a { display: flex; transform: rotate(1deg) }",
    "project.config.json": json.dumps({"setting": SETTING}),
}
STEPS = 50
STEPPING = """
const { awaitGo, readOrderAfter, emit } = require(process.argv[1]);
let done = 0;
const step = () => new Promise((end) => setTimeout(end, 20)).then(() => (done += 1));
readOrderAfter(Array(Number(process.argv[2])).fill(step)).then((order) => {
  awaitGo();
  emit("result", { order, done });
});
"""


class _Watched(WeChatDriver):
    """Says which modules are loaded when the order is there."""

    def command(self, tool_environment: ToolEnvironment, scratch: Path, seconds: float) -> Command:
        command = super().command(tool_environment, scratch, seconds)
        node, *rest = command.arguments
        return replace(command, arguments=(node, "--require", str(LATE_MODULES), *rest))


@pytest.mark.slow
def test_a_process_that_has_waited_sends_what_another_one_sends(
    wechat_tool: Path, order: PublishOrder, wechat: WeChat, tmp_path: Path
) -> None:
    write_files(order.built, FILES)
    preview = replace(order, kind=Kind.PREVIEW)
    for waits in (True, False):
        accepted(Publishing(wechat_tool, tmp_path / str(waits), waits=waits).publish(preview))
    waited, began = (one.files for one in wechat.received)
    assert waited == began
    assert b"=>" not in waited["utils/deep.js"], "it was compiled"


@pytest.mark.slow
def test_a_process_that_has_waited_has_loaded_all_that_a_compile_needs(
    wechat_tool: Path, order: PublishOrder, tmp_path: Path
) -> None:
    write_files(order.built, FILES)
    publishing = Publishing(wechat_tool, tmp_path / "tools", driver=_Watched(), waits=True)
    accepted(publishing.publish(order))
    assert [line for line in publishing.lines if line.startswith("late:")] == []


def test_nothing_is_done_ahead_once_there_is_an_order() -> None:
    with _bridge() as process:
        output, _ = process.communicate(_order_and_go())
    loaded, ready, result = map(json.loads, output.splitlines())
    assert [loaded["event"], ready["event"]] == ["loaded", "ready"]
    assert result["order"] == {"name": "你好"}
    assert result["done"] < STEPS


def test_all_is_done_ahead_while_there_is_no_order() -> None:
    with _bridge() as process:
        assert process.stdin
        assert process.stdout
        assert json.loads(process.stdout.readline()) == {"event": "loaded"}
        process.stdin.write(_order_and_go())
        process.stdin.flush()
        output = [json.loads(line) for line in process.stdout]
    assert output[-1] == {"event": "result", "order": {"name": "你好"}, "done": STEPS}


def _bridge() -> subprocess.Popen[str]:
    words = ("sh", "-c", 'exec node -e "$0" "$@" 3>&1', STEPPING, str(BRIDGES / "protocol.cjs"))
    pipe = subprocess.PIPE
    return subprocess.Popen((*words, str(STEPS)), stdin=pipe, stdout=pipe, text=True)


def _order_and_go() -> str:
    return f'{{"name":"你好"}}\ngo {in_a_minute()}\n'
