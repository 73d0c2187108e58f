"""Install the versions of package managers that projects require, from npm, once each."""

import os
import secrets
import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Stage
from mprelease.packages.install_plan import Manager
from mprelease.packages.registry_probe import PROBE_LIMIT, probe_command, silent_host
from mprelease.pipeline.run import Run
from mprelease.process.bubblewrap import Mount
from mprelease.process.command import Command
from mprelease.process.copying import seal_tree
from mprelease.process.ownership import chown
from mprelease.process.programs import shown_parts
from mprelease.process.removal import remove
from mprelease.process.tree import run as run_tree
from mprelease.workspace.retention import least_recently_used


def installed(run: Run, wanted: Sequence[Manager]) -> tuple[Path, ...]:
    """Return the folders whose `node_modules/.bin` contain the managers; install missing ones.

    Raise StageFailed(TOOL_INSTALL_FAILED or REGISTRY_UNREACHABLE).
    """
    found = tuple(_folder(run, manager) for manager in dict.fromkeys(wanted) if manager.version)
    for folder in found:
        os.utime(folder)
    drop_oldest(run.machine.layout.managers, time.time())
    return found


def drop_oldest(managers: Path, now: float) -> None:
    """Remove the least recently used versions beyond 24, but none used within the last 6 hours.

    `now` is in seconds since the epoch. Any commit can require another version, and each takes
    about 15 MiB.
    """
    for entry in least_recently_used(managers, _KEPT, used_before=now - _IN_USE_SECONDS):
        former = managers / f".former-{secrets.token_hex(4)}"
        # Renamed first, so that a folder with a version's name is always complete.
        with suppress(FileNotFoundError):
            entry.rename(former)
            remove(former)


_KEPT = 24
# Longer than any release, so that a version in use is not removed.
_IN_USE_SECONDS = 6 * 3600.0


def _folder(run: Run, manager: Manager) -> Path:
    folder = run.machine.layout.managers / f"{manager.name}-{manager.version}"
    if not folder.exists():
        _install(run, manager, folder)
    return folder


def _install(run: Run, manager: Manager, folder: Path) -> None:
    draft = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}")
    draft.mkdir(mode=0o700)
    package = f"{manager.npm_package}@{manager.version}"
    run.log(f"$ npm install {package}")
    # No package manager needs install scripts, and the registry's content is not trusted.
    arguments = (run.machine.node.npm, "install", "--ignore-scripts", "--no-save", package)
    sandbox = run.machine.sandbox
    try:
        with sandbox.users.claim() if sandbox.users else nullcontext() as user:
            uid = user.uid if user else None
            if uid is not None:
                chown(draft, uid)
            seconds = run.seconds(Stage.INSTALL)
            command = Command(arguments, draft, _environment(run, draft), seconds, uid)
            parts = shown_parts(run.machine.node.folder)
            mounts = (*(Mount(part, part) for part in parts), Mount(draft, draft, writable=True))
            _require_registry(
                run,
                sandbox.confine(
                    replace(
                        command,
                        arguments=(run.machine.node.npm, *probe_command()[1:]),
                        time_limit=PROBE_LIMIT,
                    ),
                    mounts,
                ),
            )
            ended = run_tree(sandbox.confine(command, mounts), stop=run.stop, on_line=run.log)
        run.stop.raise_if_asked()
        if ended.code != 0:
            raise StageFailed(Problem.TOOL_INSTALL_FAILED, tool=package, detail=str(ended.code))
        remove(draft / ".npm")
        seal_tree(draft, maker=uid)
        draft.rename(folder)
    except OSError as error:
        # Another release was faster, or the disk is full.
        if not folder.exists():
            raise StageFailed(
                Problem.TOOL_INSTALL_FAILED, tool=package, detail=str(error)
            ) from error
    finally:
        remove(draft)


def _require_registry(run: Run, probe: Command) -> None:
    """Raise StageFailed(REGISTRY_UNREACHABLE) if this machine's registry does not answer."""
    lines: list[str] = []
    ended = run_tree(probe, stop=run.stop, on_line=lines.append)
    if ended.code != 0 and not ended.timed_out and (host := silent_host(lines)):
        raise StageFailed(Problem.REGISTRY_UNREACHABLE, host=host)


def _environment(run: Run, home: Path) -> dict[str, str]:
    registry = run.machine.npm_registry
    chosen = {"npm_config_registry": registry} if registry else {}
    quiet = {f"npm_config_{name}": "false" for name in ("audit", "fund", "update_notifier")}
    return {**run.machine.environment, **chosen, **quiet, "HOME": str(home)}
