"""Run the machine's npm in the sandbox to fetch packages that are no dependencies of a project."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Stage
from mprelease.packages.registry_probe import PROBE_LIMIT, probe_command, silent_host
from mprelease.pipeline.run import Run
from mprelease.process.bubblewrap import Mount
from mprelease.process.command import Command
from mprelease.process.line_splitter import LONGEST, LastLines
from mprelease.process.ownership import chown
from mprelease.process.programs import shown_parts
from mprelease.process.tree import run as run_tree

_MOST_LINES = 100_000
_MOST_CHARACTERS = 16 * 2**20
_LINES_OF_ERROR = 3


@dataclass(frozen=True)
class RegistryNpm:
    """The machine's npm and its registry; HOME and current folder is `folder`, of the user `uid`.

    Install scripts never run: the registry's content is not trusted.
    """

    run: Run
    folder: Path
    uid: int | None

    def require_registry(self) -> None:
        """Raise StageFailed(REGISTRY_UNREACHABLE) if the machine's registry does not answer."""
        lines: list[str] = []
        command = replace(self._command(*probe_command()[1:]), time_limit=PROBE_LIMIT)
        ended = run_tree(self._confined(command), stop=self.run.stop, on_line=lines.append)
        if ended.code != 0 and not ended.timed_out and (host := silent_host(lines)):
            raise StageFailed(Problem.REGISTRY_UNREACHABLE, host=host)

    def must(self, *arguments: str, tool: str, on_line: Callable[[str], None]) -> None:
        """Run npm; raise StageFailed(TOOL_INSTALL_FAILED, tool) with the last lines if it fails."""
        last = LastLines(_LINES_OF_ERROR)

        def line(text: str) -> None:
            last.add(text.removeprefix("npm error "))
            on_line(text)

        command = self._confined(self._command(*arguments))
        ended = run_tree(command, stop=self.run.stop, on_line=line)
        self.run.stop.raise_if_asked()
        if ended.timed_out:
            raise StageFailed(Problem.TIME_LIMIT, seconds=self.run.seconds(Stage.INSTALL))
        if ended.code != 0:
            detail = "\n".join(last) or str(ended.code)
            raise StageFailed(Problem.TOOL_INSTALL_FAILED, tool=tool, detail=detail)

    def pack(self, package: str) -> Path:
        """Download the archive of a package (`name@version`); raise StageFailed as `must`."""
        self.must("pack", package, "--loglevel=error", tool=package, on_line=self.run.log)
        return self.folder / f"{package.replace('@', '-')}.tgz"

    def view(self, package: str, *fields: str) -> object:
        """Return fields of the matching versions of a package; raise StageFailed as `must`."""
        lines = LastLines(_MOST_LINES, characters=_MOST_CHARACTERS, longest=LONGEST)
        self.must("view", "--json", package, *fields, tool=package, on_line=lines.add)
        text = "\n".join(line for line in lines if not line.startswith("npm "))
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise StageFailed(
                Problem.TOOL_INSTALL_FAILED, tool=package, detail=str(error)
            ) from error

    def global_settings(self) -> str:
        """Return the path of npm's global settings, which need not exist."""
        lines = LastLines(1)
        self.must("config", "get", "globalconfig", tool="npm", on_line=lines.add)
        return next(iter(lines))

    def trial(self, program: Path, shown: Path) -> str:
        """Run a program of the installation `shown` with --version; return its output."""
        lines: list[str] = []
        environment = {**self._environment(), "PATH": f"{program.parent}:/usr/bin:/bin"}
        arguments = (str(program), "--version")
        command = replace(self._command(), arguments=arguments, environment=environment)
        run_tree(self._confined(command, shown), stop=self.run.stop, on_line=lines.append)
        self.run.stop.raise_if_asked()
        return "\n".join(lines)

    def _command(self, *arguments: str) -> Command:
        return Command(
            (self.run.machine.node.npm, *arguments, "--ignore-scripts"),
            self.folder,
            self._environment(),
            self.run.seconds(Stage.INSTALL),
            self.uid,
        )

    def _confined(self, command: Command, shown: Path | None = None) -> Command:
        readable = shown_parts(shown or self.run.machine.node.folder)
        mounts = (
            *(Mount(path, path) for path in readable),
            Mount(self.folder, self.folder, writable=True),
        )
        return self.run.machine.sandbox.confine(command, mounts)

    def _environment(self) -> dict[str, str]:
        registry = self.run.machine.npm_registry
        chosen = {"npm_config_registry": registry} if registry else {}
        # The machine's Node only fetches what another one runs.
        off = ("audit", "fund", "update_notifier", "engine_strict")
        quiet = {f"npm_config_{name}": "false" for name in off}
        return {**self.run.machine.environment, **chosen, **quiet, "HOME": str(self.folder)}


@contextmanager
def registry_npm(run: Run, folder: Path) -> Iterator[RegistryNpm]:
    """Create the folder, and yield an npm under a user id of its own until the block ends."""
    folder.mkdir(mode=0o700)
    users = run.machine.sandbox.users
    with users.claim() if users else nullcontext() as user:
        uid = user.uid if user else None
        if uid is not None:
            chown(folder, uid)
        yield RegistryNpm(run, folder, uid)
