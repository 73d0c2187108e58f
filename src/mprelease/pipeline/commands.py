"""Run the commands of one stage in the sandbox, and diagnose their failures."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.releases import Stage
from mprelease.packages.install_plan import manager_settings
from mprelease.packages.manager_versions import npm_variables
from mprelease.pipeline.diagnosis import diagnose
from mprelease.pipeline.resource_limits import raise_if_limited
from mprelease.pipeline.run import Run
from mprelease.process.bubblewrap import TEMPORARY, Mount
from mprelease.process.command import Command
from mprelease.process.line_splitter import LONGEST, LastLines
from mprelease.process.ownership import chown, remove_write_access
from mprelease.process.programs import shown_parts
from mprelease.process.removal import remove
from mprelease.process.tree import Exit
from mprelease.process.tree import run as run_tree
from mprelease.source.light_clone import OBJECTS
from mprelease.workspace.layout import Workspace

_TAIL = 400
_MOST_LINES = 5000
_MOST_CHARACTERS = 2**20
_UNKNOWN_FAILURE = {
    Stage.INSTALL: Problem.INSTALL_FAILED,
    Stage.BUILD: Problem.BUILD_FAILED,
}


@dataclass
class Commands:
    """The commands of one stage, which share its time limit.

    They run in `place` under the user id `user`, with additional `mounts` and `variables`. Folders
    in arguments of methods are paths of the machine; they are translated into paths of the sandbox.
    """

    run: Run
    stage: Stage
    place: Workspace
    user: int | None
    mounts: tuple[Mount, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start the stage's time limit."""
        self._deadline = time.monotonic() + self.run.seconds(self.stage)
        self._tail = LastLines(_TAIL)
        self._lock = threading.Lock()

    def must(self, arguments: tuple[str, ...], folder: Path, **variables: str) -> None:
        """Run a command; raise StageFailed, with a diagnosis of its output, if it fails."""
        ended = self._ended(arguments, folder, variables)
        if ended.code != 0:
            self.raise_if_known(ended.code)
            raise StageFailed(_UNKNOWN_FAILURE[self.stage], code=ended.code)

    def raise_if_known(self, code: int) -> None:
        """Raise StageFailed if the output of the last command has a known failure."""
        known = diagnose(self._lines(), code, self.stage, self.place.seen(self.place.tree))
        if known:
            raise StageFailed(known.problem, **known.parameters)

    def output(self, arguments: tuple[str, ...], folder: Path, **variables: str) -> str:
        """Run a command without logging; return its output, or an empty text if it fails."""
        ended, lines = self._silently(self._command(arguments, folder, variables))
        return "\n".join(lines) if ended.code == 0 else ""

    def tool_error(self, arguments: tuple[str, ...], seconds: float, **variables: str) -> list[str]:
        """Run a command in HOME without logging; return its output if it fails, else nothing.

        A command that is still running after `seconds` is ended, and counts as successful.
        """
        command = self._command(arguments, self.place.home, variables)
        limit = min(seconds, command.time_limit)
        ended, lines = self._silently(replace(command, time_limit=limit))
        return lines if ended.code != 0 and not ended.timed_out else []

    def _silently(self, command: Command) -> tuple[Exit, list[str]]:
        lines = LastLines(_MOST_LINES, characters=_MOST_CHARACTERS, longest=LONGEST)
        ended = run_tree(command, stop=self.run.stop, on_line=lines.add)
        self.run.stop.raise_if_asked()
        return ended, list(lines)

    def _lines(self) -> list[str]:
        with self._lock:
            return list(self._tail)

    def _ended(
        self, arguments: tuple[str, ...], folder: Path, variables: Mapping[str, str]
    ) -> Exit:
        command = self._command(arguments, folder, variables)
        with self._lock:
            self._tail.clear()
        ended = run_tree(command, stop=self.run.stop, on_line=self._line)
        self.run.stop.raise_if_asked()
        raise_if_limited(ended, command.limits, self._lines())
        if ended.timed_out:
            raise StageFailed(Problem.TIME_LIMIT, seconds=self.run.seconds(self.stage))
        return ended

    def _line(self, line: str) -> None:
        with self._lock:
            self._tail.add(line)
        self.run.log(line)

    def _command(
        self, arguments: tuple[str, ...], folder: Path, variables: Mapping[str, str]
    ) -> Command:
        place = self.place
        command = Command(
            arguments=arguments,
            folder=place.seen(folder),
            environment={**self._environment(), **self.variables, **variables},
            time_limit=max(1.0, self._deadline - time.monotonic()),
            user=self.user,
            limits=self.run.machine.limits.resources,
            disk_folders=(place.tree, place.home, place.temporary, place.caches),
            expendable=True,
        )
        return self.run.machine.sandbox.confine(command, (*self._mounts(), *self.mounts))

    def _mounts(self) -> tuple[Mount, ...]:
        place, run = self.place, self.run
        objects = place.tree / ".git" / OBJECTS
        readable = (*shown_parts(run.node.folder), *run.managers)
        return (
            *(Mount(path, path) for path in readable),
            Mount(place.tree, place.seen(place.tree), writable=True),
            Mount(place.home, place.seen(place.home), writable=True),
            Mount(place.temporary, self._temporary, writable=True),
            *([Mount(objects, place.seen(objects))] if objects.is_dir() else []),
        )

    @property
    def _temporary(self) -> Path:
        return TEMPORARY if self.run.machine.has_mounts else self.place.temporary

    def _environment(self) -> Mapping[str, str]:
        machine = self.run.machine
        registry = machine.npm_registry
        node = self.run.chosen_node
        return {
            **machine.environment,
            **(npm_variables(node.npm_version, str(node.folder)) if node else {}),
            **machine.build_variables,
            **(manager_settings(registry=registry) if registry else {}),
            "PATH": self._path(),
            "HOME": str(self.place.seen(self.place.home)),
            "TMPDIR": str(self._temporary),
            "CI": "true",
            # Parts of the tree's .git belong to another user than the build's.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "npm_config_update_notifier": "false",
            "npm_config_audit": "false",
            "npm_config_fund": "false",
        }

    def _path(self) -> str:
        machine = self.run.machine
        first = [*self.run.managers, Path(self.run.node.node).parent]
        programs = [
            str(folder / "node_modules" / ".bin") if folder in self.run.managers else str(folder)
            for folder in first
        ]
        return ":".join([*programs, machine.environment.get("PATH", "")])


def fresh_folders(place: Workspace, user: int | None) -> None:
    """Give a workspace an empty HOME and an empty folder for temporary files."""
    for folder in (place.home, place.temporary):
        remove(folder)
        folder.mkdir(mode=0o700)
        if user is not None:
            chown(folder, user)


def close_workspace(place: Workspace) -> None:
    """Remove other users' write access to a workspace, after its commands have ended."""
    for folder in (place.tree, place.home, place.temporary, place.caches):
        remove_write_access(folder)


def release_variables(run: Run) -> Mapping[str, str]:
    """Return the variables with which a build gets its release; an install does not get them."""
    release, commit = run.job.release, run.commit
    return {
        "MPRELEASE_KIND": release.kind,
        "MPRELEASE_ENVIRONMENT": release.environment,
        "MPRELEASE_REF": release.shown_ref,
        "MPRELEASE_COMMIT": commit.id if commit else "",
        "MPRELEASE_VERSION": run.version or release.version or "",
    }
