"""Install the vendors' tools in pinned versions, each in a folder of its own."""

import os
import shutil
import stat
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.process.command import Command
from mprelease.process.line_splitter import LastLines
from mprelease.process.permissions import let_others_read
from mprelease.process.tree import Stop, run

BRIDGES = Path(__file__).parent / "bridge"
"""The folder of the Node bridges, and of the lock files of the vendors' tools."""

_SECONDS = 900.0
_LINES_FOR_REASON = 200
# An older partial folder is abandoned: its process was killed.
_ABANDONED_SECONDS = 4 * _SECONDS
LOCK_FILES = ("package.json", "package-lock.json")
"""The files in `lock_folder` that pin a tool and its dependencies."""


@dataclass(frozen=True)
class Tool:
    """A vendor's tool: its npm package, its version, and the folder that holds its lock file."""

    package: str
    version: str
    lock_folder: Path

    def folder(self, tools: Path) -> Path:
        """Return its installation folder, which contains `node_modules`."""
        return tools / f"{self.package}-{self.version}"


def is_installed(tool: Tool, tools: Path) -> bool:
    """Return whether a tool is installed; an existing folder is always complete."""
    return tool.folder(tools).is_dir()


def let_others_run(tool: Tool, tools: Path) -> None:
    """Make an installed tool readable and executable for other users, but not writable.

    Earlier versions of mprelease installed tools readable for their own user only. Fast if there
    is nothing to change.
    """
    folder = tool.folder(tools)
    if folder.is_dir() and not folder.stat().st_mode & stat.S_IXOTH:
        for inner in sorted(folder.iterdir()):
            let_others_read(inner)
        # The folder's own mode is set last: it shows that everything inside was changed.
        folder.chmod(0o755)
    let_others_read_programs(BRIDGES)


def let_others_read_programs(folder: Path) -> None:
    """Make our own programs readable for other users, in case of an installer's strict umask."""
    programs = (folder, *folder.glob("*.*js"))
    closed = [each for each in programs if not each.stat().st_mode & stat.S_IROTH]
    if any(each.stat().st_uid == os.geteuid() for each in closed):
        let_others_read(folder)


def install(
    tool: Tool,
    tools: Path,
    *,
    npm: str,
    environment: Mapping[str, str],
    registry: str | None,
    on_line: Callable[[str], None],
    stop: Stop,
) -> None:
    """Install a tool unless it is installed; raise StageFailed(TOOL_INSTALL_FAILED).

    `on_line` gets the lines of npm's output; a request of `stop` terminates npm and raises its
    reason. `environment` is npm's whole environment. Safe for concurrent processes: each installs
    into a temporary folder, and the first one that is ready renames its folder into place.
    """
    if is_installed(tool, tools):
        return
    try:
        tools.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(tool, tools)
        with TemporaryDirectory(prefix=f"{tool.package}-partial-", dir=tools) as folder:
            partial = Path(folder) / "tool"
            _fill(tool, partial, _npm(npm, partial, environment, registry), on_line, stop)
            _put_in_place(partial, tool.folder(tools))
    except OSError as error:
        raise _failed(tool, str(error)) from error


def _npm(npm: str, folder: Path, environment: Mapping[str, str], registry: str | None) -> Command:
    # None of the pinned tools needs an install script (tested: compiling .js, .ts, .less, .scss,
    # Babel and swc).
    arguments = (npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress")
    return Command(
        (*arguments, *(("--registry", registry) if registry else ())),
        folder,
        environment,
        _SECONDS,
    )


def _fill(
    tool: Tool, folder: Path, npm: Command, on_line: Callable[[str], None], stop: Stop
) -> None:
    folder.mkdir()
    for name in LOCK_FILES:
        shutil.copyfile(tool.lock_folder / name, folder / name)
    last = LastLines(_LINES_FOR_REASON)

    def on_npm_line(line: str) -> None:
        on_line(line)
        last.add(line)

    ended = run(npm, stop=stop, on_line=on_npm_line)
    stop.raise_if_asked()
    if ended.timed_out:
        raise _failed(tool, f"> {_SECONDS:.0f} s")
    if ended.code != 0:
        raise _failed(tool, _reason(list(last)) or f"exit code {ended.code}")


def _remove_abandoned(tool: Tool, tools: Path) -> None:
    """Remove partial folders of installations that were killed."""
    for folder in tools.glob(f"{tool.package}-partial-*"):
        with suppress(FileNotFoundError):
            if time.time() - folder.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _put_in_place(partial: Path, place: Path) -> None:
    try:
        partial.rename(place)
    except OSError:
        # rename(2) refuses to replace a folder that is not empty: another process was faster.
        if not place.is_dir():
            raise


def _reason(lines: list[str]) -> str:
    errors = [line.removeprefix("npm error ") for line in lines if line.startswith("npm error ")]
    return "\n".join(errors[:3] or lines[-3:])


def _failed(tool: Tool, detail: str) -> StageFailed:
    return StageFailed(
        Problem.TOOL_INSTALL_FAILED, tool=f"{tool.package} {tool.version}", detail=detail
    )
