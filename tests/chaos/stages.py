"""Stages that take little, with real child processes and the real conversation of publishing.

A description holds words: `key=a-1` names the release at the platform, `build=0.5` is how many
seconds a stage takes; `pack` comes before "ready", `send` between "go" and sending, `reply`
between arrival and answer.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Commit, Publication, Stage
from mprelease.pipeline.publish import publish, standing_by
from mprelease.pipeline.run import Run
from mprelease.pipeline.runner import Outcome, run_stages
from mprelease.pipeline.staging import Staging
from mprelease.platforms.driver import (
    Event,
    Failure,
    Progress,
    PublishOrder,
    Ready,
    Result,
    ToolEnvironment,
)
from mprelease.platforms.wechat.driver import WeChatDriver
from mprelease.process import tree
from mprelease.process.command import Command

_SENDER = Path(__file__).with_name("sender.py")
_LIMIT = 60.0


def pipeline(port: int) -> Callable[[Run], Outcome]:
    """Return a pipeline that publishes to the vendor on this port."""
    stages: dict[Stage, Callable[[Run], bool]] = {
        Stage.CHECKOUT: _checkout,
        Stage.INSTALL: partial(_stage, Stage.INSTALL),
        Stage.BUILD: _build,
        Stage.PUBLISH: _publish,
    }
    driver = SenderDriver(port)
    return lambda run: run_stages(replace(run, driver=driver), stages, _without_check)


class SenderDriver(WeChatDriver):
    """Describe the sender instead of a vendor's tool, and read its few words."""

    def __init__(self, port: int) -> None:
        """Take the vendor's port."""
        self._port = port

    def prepare(self, order: PublishOrder) -> None:
        """Need nothing."""

    def command(self, tool_environment: ToolEnvironment, scratch: Path, seconds: float) -> Command:
        """Describe the sender."""
        arguments = (sys.executable, "-I", "-S", str(_SENDER))
        return Command(arguments, scratch, {"PATH": os.defpath}, seconds)

    def readable(self, tool_environment: ToolEnvironment) -> tuple[Path, ...]:
        """Need nothing."""
        return ()

    def order_line(self, order: PublishOrder) -> str:
        """Return what is sent, when, and to which port."""
        words = options_of(order.description)
        return json.dumps(
            {
                "key": words["key"],
                "kind": order.kind,
                "app_id": order.account.platform_app_id,
                "version": order.version,
                "send": float(words.get("send", "0")),
                "reply": float(words.get("reply", "0")),
                "port": self._port,
            }
        )

    def event(self, line: str, order: PublishOrder | None) -> Event:
        """Read a word of the sender."""
        match line:
            case "ready":
                return Ready()
            case "going":
                return Progress(line)
            case "yes":
                return Result(Publication())
            case "late":
                return Failure(StageFailed(Problem.PUBLISH_TOO_LATE))
        cut = StageFailed(Problem.PUBLISH_CUT, host="127.0.0.1", detail=line)
        return Failure(cut, may_have_arrived=True)


def options_of(description: str) -> Mapping[str, str]:
    """Read the words of a description."""
    words = (word.partition("=") for word in description.split())
    return {name: value for name, _, value in words}


@contextmanager
def _without_check(run: Run) -> Iterator[None]:
    run.is_checked.set()
    with standing_by(run):
        yield


def _checkout(run: Run) -> bool:
    run.commit = Commit("c" * 40, "林", "a change", 1_795_320_000)
    run.recorder.checked_out(run.commit)
    return _stage(Stage.CHECKOUT, run)


def _build(run: Run) -> bool:
    output = run.folder / "dist"
    output.mkdir(parents=True, exist_ok=True)
    run.staging = Staging(output, (output,), run.workspace.tree, run.workspace.tree, None, ())
    return _stage(Stage.BUILD, run)


def _publish(run: Run) -> bool:
    _take(run, options_of(run.job.release.description).get("pack", "0"))
    return publish(run)


def _stage(stage: Stage, run: Run) -> bool:
    run.log(f"{stage} of {run.job.release.id}")
    _take(run, options_of(run.job.release.description).get(stage, "0"))
    return False


def _take(run: Run, seconds: str) -> None:
    """Let a child process take its time."""
    if float(seconds) == 0:
        return
    command = Command(("sleep", seconds), run.workspace.folder, {"PATH": os.defpath}, _LIMIT)
    ended = tree.run(command, stop=run.stop, on_line=run.log)
    run.stop.raise_if_asked()
    if ended.code != 0:
        raise StageFailed(Problem.BUILD_FAILED, code=ended.code)
