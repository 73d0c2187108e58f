"""Publish one order as the pipeline does, and keep everything that was heard."""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag

from mprelease.platforms.driver import (
    Driver,
    Equipment,
    Event,
    Failure,
    PublishOrder,
    Ready,
    Result,
)
from mprelease.platforms.wechat.driver import WeChatDriver
from mprelease.process.tree import Running, Stop, start

APP_ID = "wx0123456789abcdef"
PROJECT: Mapping[str, str] = {
    "project.config.json": '{"setting":{"es6":true,"minified":true}}',
    "app.json": '{"pages":["pages/a"],"subPackages":[{"root":"sub","pages":["b"]}]}',
    "app.js": "App({ onLaunch: () => 1 })",
    **{f"{page}.json": "{}" for page in ("pages/a", "sub/b")},
    **{f"{page}.js": "Page({})" for page in ("pages/a", "sub/b")},
    **{f"{page}.wxml": "<view>你好</view>" for page in ("pages/a", "sub/b")},
}


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
    """The tool's folder must hold `node_modules`; `at_ready` returns the line to be sent."""

    tool: Path
    tools: Path
    events: list[Event] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    driver: Driver = field(default_factory=WeChatDriver)

    def publish(
        self, order: PublishOrder, at_ready: Callable[[], str | None] | None = None
    ) -> Result | Failure:
        driver = self.driver
        place = driver.tool.folder(self.tools)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(self.tool, target_is_directory=True)
        driver.prepare(order)
        started = Flag()
        processes: list[Running] = []

        def hear(line: str) -> None:
            event = driver.event(line)
            self.events.append(event)
            if isinstance(event, Ready):
                started.wait()
                line_back = at_ready() if at_ready else driver.go_line(in_a_minute())
                if line_back is None:
                    processes[0].close_input()
                else:
                    processes[0].send(line_back)

        node = Path(_node())
        equipment = Equipment(self.tools, str(node), node.parent, order.link.extra_ca)
        command = driver.command(equipment, order.scratch, 120)
        process = start(command, stop=Stop(), on_line=self.lines.append, on_event=hear)
        processes.append(process)
        process.send(driver.order_line(order))
        started.set()
        process.wait()
        answers = [event for event in self.events if isinstance(event, Result | Failure)]
        assert len(answers) == 1, self.lines
        return answers[0]


def _node() -> str:
    node = shutil.which("node")
    assert node
    return node
