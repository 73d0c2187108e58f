"""Install package managers in the version that a project asks for, from npm, once each."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Stage
from mprelease.pipeline.package_managers import Manager
from mprelease.pipeline.run import Run
from mprelease.process.command import Command
from mprelease.process.sharing import let_others_read
from mprelease.process.tree import run as run_tree


def installed(run: Run, wanted: Sequence[Manager]) -> tuple[Path, ...]:
    """Return the folders in whose `node_modules/.bin` the managers lie, installing what lacks."""
    return tuple(_folder(run, manager) for manager in dict.fromkeys(wanted) if manager.version)


def _folder(run: Run, manager: Manager) -> Path:
    folder = run.workshop.layout.managers / f"{manager.name}-{manager.version}"
    if not folder.exists():
        _install(run, manager, folder)
    return folder


def _install(run: Run, manager: Manager, folder: Path) -> None:
    draft = folder.with_name(f"{folder.name}.{os.getpid()}")
    draft.mkdir()
    package = f"{manager.npm_package}@{manager.version}"
    run.say(f"$ npm install {package}")
    command = Command(
        # These packages need no script of theirs, and they are installed outside of the sandbox.
        arguments=(run.workshop.node.npm, "install", "--ignore-scripts", "--no-save", package),
        folder=draft,
        environment=_environment(run, draft),
        time_limit=run.seconds(Stage.INSTALL),
    )
    try:
        ended = run_tree(command, stop=run.stop, on_line=run.say)
        run.stop.raise_if_asked()
        if ended.code != 0:
            raise StageFailed(Problem.TOOL_INSTALL_FAILED, tool=package, detail=str(ended.code))
        let_others_read(draft)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _environment(run: Run, home: Path) -> dict[str, str]:
    registry = run.workshop.npm_registry
    chosen = {"npm_config_registry": registry} if registry else {}
    quiet = {f"npm_config_{name}": "false" for name in ("audit", "fund", "update_notifier")}
    return {**run.workshop.environment, **chosen, **quiet, "HOME": str(home)}
