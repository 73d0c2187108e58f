"""Keep a command away from everything that is not its business.

What is promised, and tested, in each mode: a confined command finds no credential on disk, in the
environment, on the command line or in the memory of another process. In mode bwrap it sees nothing
but the system's programs, its reach and itself. In mode user that rests on unix permissions: what
other users keep in folders of mode 0700 is closed, what the world may read is not. In mode off
nothing is promised.
"""

import os
import shutil
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from mprelease.domain.errors import Refused, StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.sandbox import SandboxMode, SandboxWish
from mprelease.process import bubblewrap
from mprelease.process.command import Command
from mprelease.process.tree import Stop, run

NOBODY = 65534
"""The user and group id that Linux keeps for nobody."""

_TRIAL_LIMIT = 5.0


@dataclass(frozen=True)
class Reach:
    """What a confined command may touch besides the system's programs.

    All paths are absolute, exist, and are seen under the same name. `frozen` ones lie inside a
    writable folder, yet are read-only.
    """

    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    frozen: tuple[Path, ...] = ()


class Sandbox(Protocol):
    """Confine commands in one of the three modes.

    `why_not_bwrap` says in a few English words what stood against the strongest mode; it is empty
    where that mode is in use.
    """

    @property
    def mode(self) -> SandboxMode:
        """Name the mode."""

    @property
    def why_not_bwrap(self) -> str:
        """Say why the mode is no better."""

    def confine(self, command: Command, reach: Reach) -> Command:
        """Return the same command, confined.

        Raises StageFailed where a link in a writable folder would lead a path of the reach astray.
        """

    def hand_over(self, folder: Path, frozen: tuple[Path, ...] = ()) -> None:
        """Let confined commands write to a folder, except for what is frozen in it.

        To be called before each such command, while no other one runs there. Raises StageFailed
        where it cannot be done.
        """


@dataclass(frozen=True)
class Bubblewrap:
    """Show a command nothing but the system's programs and its reach.

    `hidden` folders are empty for it even where they lie in a folder that is shown.
    """

    program: Path
    hidden: tuple[Path, ...] = ()
    mode: SandboxMode = SandboxMode.BWRAP
    why_not_bwrap: str = ""

    def confine(self, command: Command, reach: Reach) -> Command:
        """Put the command into namespaces of its own."""
        _refuse_detours(reach)
        walls = (str(self.program), *bubblewrap.system(), *self._mounts(reach))
        arguments = (*walls, "--chdir", str(command.folder), "--", *command.arguments)
        # bubblewrap itself still runs outside: it must not load a library that a build names.
        environment = {
            name: value for name, value in command.environment.items() if not name.startswith("LD_")
        }
        return replace(command, arguments=arguments, folder=Path("/"), environment=environment)

    def hand_over(self, folder: Path, frozen: tuple[Path, ...] = ()) -> None:
        """Do nothing: what is writable is said by the reach."""

    def _mounts(self, reach: Reach) -> tuple[str, ...]:
        hidden = {path.resolve() for path in self.hidden if path.is_dir()}
        mounts = [
            *((path, ("--bind", str(path), str(path))) for path in reach.writable),
            *((path, ("--ro-bind", str(path), str(path))) for path in reach.readable),
            *((path, ("--ro-bind", str(path), str(path))) for path in reach.frozen),
            *((path, ("--tmpfs", str(path))) for path in hidden),
        ]
        # The outer ones first: a later mount covers what an earlier one shows.
        mounts.sort(key=lambda mount: len(mount[0].parts))
        return tuple(word for _, words in mounts for word in words)


@dataclass(frozen=True)
class OtherUser:
    """Run a command under a user id that owns nothing but what was handed over; needs root."""

    user: int
    why_not_bwrap: str
    mode: SandboxMode = SandboxMode.USER

    def confine(self, command: Command, reach: Reach) -> Command:
        """Change the user; what can be read and written is a matter of permissions."""
        _refuse_detours(reach)
        return replace(command, user=self.user)

    def hand_over(self, folder: Path, frozen: tuple[Path, ...] = ()) -> None:
        """Give a folder to the user; raise StageFailed when the way to it is closed to others."""
        if closed := self.closed_way(folder):
            raise StageFailed(Problem.SANDBOX_MISSING, detail=closed)
        for path, folders, files, descriptor in os.fwalk(folder):
            here = Path(path)
            kept = {each.name for each in frozen if each.parent == here}
            folders[:] = [name for name in folders if name not in kept]
            for name in {*folders, *files} - kept:
                self._give(name, descriptor)
            if any(here in each.parents for each in frozen):
                self._share(descriptor)
            else:
                os.fchown(descriptor, self.user, self.user)

    def closed_way(self, folder: Path) -> str:
        """Say which folder the user may not pass on the way to this one; nothing if none."""
        for parent in folder.resolve().parents:
            found = parent.stat()
            if found.st_uid != self.user and not found.st_mode & stat.S_IXOTH:
                return f"user {self.user} may not pass through {parent}"
        return ""

    def _give(self, name: str, descriptor: int) -> None:
        found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        # A folder is given when it is walked through. A file with a second name is not ours to
        # give: git objects are hard links into the mirror, whose owner could write to them.
        if stat.S_ISDIR(found.st_mode) or found.st_nlink > 1 or found.st_uid == self.user:
            return
        os.chown(name, self.user, self.user, dir_fd=descriptor, follow_symlinks=False)

    def _share(self, descriptor: int) -> None:
        # The owner of a folder may rename whatever lies in it, so a folder that holds something
        # frozen stays ours: others may write, and by the sticky bit remove only what is theirs.
        os.fchown(descriptor, os.getuid(), self.user)
        os.fchmod(descriptor, 0o1775)


@dataclass(frozen=True)
class Unconfined:
    """Confine nothing, where nothing else is possible or wished."""

    why_not_bwrap: str
    mode: SandboxMode = SandboxMode.OFF

    def confine(self, command: Command, reach: Reach) -> Command:
        """Return the command as it is."""
        _refuse_detours(reach)
        return command

    def hand_over(self, folder: Path, frozen: tuple[Path, ...] = ()) -> None:
        """Do nothing: it is the same user."""


def choose(
    wish: SandboxWish,
    *,
    hidden: tuple[Path, ...] = (),
    path: str = os.defpath,
    user: int = NOBODY,
    workplace: Path = Path("/"),
) -> Sandbox:
    """Return the strongest sandbox that a trial run shows to work on this machine.

    `hidden` are folders of ours (data, keys) that nobody confined may see, `path` is where bwrap
    is looked for, `workplace` the folder in which commands will work. Raises
    Refused(SANDBOX_MISSING) when one is required and there is none.
    """
    if wish is SandboxWish.OFF:
        return Unconfined("switched off")
    program = shutil.which("bwrap", path=path)
    why = "not installed"
    if program:
        bwrap = Bubblewrap(Path(program), hidden)
        why = _try_out(bwrap)
        if not why:
            return bwrap
    other_user = OtherUser(user, why)
    why_not_user = "not root"
    if os.geteuid() == 0:
        why_not_user = other_user.closed_way(workplace) or _try_out(other_user)
    if not why_not_user:
        return other_user
    why = f"{why}; user {user}: {why_not_user}"
    if wish is SandboxWish.REQUIRED:
        raise Refused(Problem.SANDBOX_MISSING, detail=f"bubblewrap: {why}")
    return Unconfined(why)


def _try_out(sandbox: Sandbox) -> str:
    """Run `true` in a sandbox; return what went wrong."""
    lines: list[str] = []
    command = Command(("true",), Path("/"), {"PATH": os.defpath}, _TRIAL_LIMIT)
    ended = run(sandbox.confine(command, Reach()), stop=Stop(), on_line=lines.append)
    if ended.code == 0:
        return ""
    return lines[-1] if lines else f"exit code {ended.code}"


def _refuse_detours(reach: Reach) -> None:
    """Raise where a confined command has put a link on the way to a path of its reach.

    Otherwise the next one would be shown whatever the link names.
    """
    for path in (*reach.writable, *reach.readable, *reach.frozen):
        for outer in reach.writable:
            inside = path.relative_to(outer) if path.is_relative_to(outer) else Path()
            if (outer / inside).resolve() != outer.resolve() / inside:
                raise StageFailed(Problem.LINK_LEADS_OUTSIDE, path=str(path))
