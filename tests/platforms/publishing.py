"""Publish one order as the pipeline does, and keep all of its events and lines."""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag

from mprelease.domain.apps import ProjectType
from mprelease.domain.releases import Kind, LaunchOptions
from mprelease.platforms.driver import (
    Account,
    Driver,
    Event,
    Failure,
    Loaded,
    PublishOrder,
    Ready,
    Result,
    Route,
    ToolEnvironment,
)
from mprelease.platforms.wechat.driver import WeChatDriver
from mprelease.process.tree import Exit, Running, Stop, start

APP_ID = "wx0123456789abcdef"
PROJECT: Mapping[str, str] = {
    "project.config.json": '{"setting":{"es6":true,"minified":true}}',
    "app.json": '{"pages":["pages/a"],"subPackages":[{"root":"sub","pages":["b"]}]}',
    "app.js": "App({ onLaunch: () => 1 })",
    **{f"{page}.json": "{}" for page in ("pages/a", "sub/b")},
    **{f"{page}.js": "Page({})" for page in ("pages/a", "sub/b")},
    **{f"{page}.wxml": "<view>你好</view>" for page in ("pages/a", "sub/b")},
}


ORDER = PublishOrder(
    kind=Kind.UPLOAD,
    account=Account(APP_ID, "a key"),
    route=Route(),
    built=Path("/scratch/project"),
    project_type=ProjectType.MINI_PROGRAM,
    version="26.11.22.0",
    description="",
    robot=7,
    launch=LaunchOptions(),
    compile_settings={},
    pack_npm=False,
    scratch=Path("/scratch"),
)


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


def in_a_minute() -> int:
    return time.time_ns() // 1_000_000 + 60_000


@dataclass
class Publishing:
    """The tool's folder must hold `node_modules`; `at_ready` returns the line to be sent.

    Without a line standard input is closed. One that `waits` gets its order once it is loaded.
    """

    tool: Path
    tools: Path
    events: list[Event] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    driver: Driver = field(default_factory=WeChatDriver)
    stop: Stop = field(default_factory=Stop)
    processes: list[Running] = field(default_factory=list)
    waits: bool = False

    @property
    def answers(self) -> list[Result | Failure]:
        return [event for event in self.events if isinstance(event, Result | Failure)]

    def publish(
        self, order: PublishOrder, at_ready: Callable[[], str | None] | None = None
    ) -> Result | Failure:
        self.converse(order, at_ready)
        (answer,) = self.answers or [None]
        assert answer, self.lines
        return answer

    def converse(
        self, order: PublishOrder, at_ready: Callable[[], str | None] | None = None
    ) -> Exit:
        """Publish, and return how the process ended, with an answer or without."""
        driver = self.driver
        place = driver.tool.folder(self.tools)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(self.tool, target_is_directory=True)
        driver.prepare(order)
        started, loaded = Flag(), Flag()

        def on_event(line: str) -> None:
            event = driver.event(line, order)
            self.events.append(event)
            if isinstance(event, Loaded):
                loaded.set()
            if isinstance(event, Ready):
                started.wait()
                line_back = at_ready() if at_ready else driver.go_line(in_a_minute())
                if line_back is None:
                    self.processes[0].close_input()
                else:
                    self.processes[0].send(line_back)

        node = Path(_node())
        tool_environment = ToolEnvironment(self.tools, str(node), node.parent, order.route.extra_ca)
        command = driver.command(tool_environment, order.scratch, 120)
        process = start(command, stop=self.stop, on_line=self.lines.append, on_event=on_event)
        self.processes.append(process)
        if self.waits:
            assert loaded.wait(60)
        process.send(driver.order_line(order))
        started.set()
        return process.wait()


def accepted(answer: Result | Failure) -> Result:
    assert isinstance(answer, Result), answer
    return answer


def failed(answer: Result | Failure) -> Failure:
    assert isinstance(answer, Failure), answer
    return answer


def processes_with(text: str) -> list[str]:
    """Return arguments and environments of the processes that know a text, ours apart."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            texts = [(process / name).read_text("latin-1") for name in ("cmdline", "environ")]
        except OSError:
            continue
        found += [each for each in texts if each and text in each]
    return found


def texts_below(folders: Sequence[Path], *, since: float) -> list[str]:
    """Return the content of all files that have changed since a time."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [path.read_text("latin-1") for path in files if path.stat().st_mtime >= since - 2]


def _node() -> str:
    node = shutil.which("node")
    assert node
    return node
