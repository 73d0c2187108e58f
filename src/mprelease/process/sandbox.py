"""Keep a command away from everything that is not its business.

What each mode promises stands in docs/security.md, and each line there is a test. In mode bwrap a
command sees the system's programs, its mounts and itself. In mode user it runs under a user id that
owns nothing else, and unix permissions decide. In mode off nothing is promised.
"""

import os
import shutil
import stat
import subprocess
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from mprelease.domain.errors import Refused, StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.sandbox import SandboxMode, SandboxPolicy
from mprelease.process import bubblewrap
from mprelease.process.bubblewrap import Mount
from mprelease.process.build_users import BuildUsers
from mprelease.process.command import Command
from mprelease.process.ownership import closed_way
from mprelease.process.tree import Stop, run

_TRIAL_SECONDS = 5.0
Mounts = Sequence[Mount]


class Sandbox(Protocol):
    """Confine commands in one of the three modes.

    `why_not_bwrap` says in a few English words what stood against the strongest mode; it is empty
    where that mode is in use. `users` gives each process tree an id of its own; None where we are
    not root, so that everything confined runs under our own id.
    """

    @property
    def mode(self) -> SandboxMode:
        """Name the mode."""

    @property
    def why_not_bwrap(self) -> str:
        """Say why the mode is no better."""

    @property
    def users(self) -> BuildUsers | None:
        """Return where the user ids of confined commands come from."""

    def confine(self, command: Command, mounts: Mounts) -> Command:
        """Return the same command, confined, under `command.user` if that is given.

        In mode bwrap its folder, arguments and environment name the targets of the mounts; in the
        other modes sources and targets are the same. Raises StageFailed where a link in a writable
        folder would lead a mount astray.
        """


@dataclass(frozen=True)
class Bubblewrap:
    """Show a command nothing but the system's programs and its mounts.

    `masked_paths` are empty for it even where they lie in a folder that is shown. As root the
    mounts are made by root, and the command runs under a user id of its own without a capability.
    """

    program: Path
    masked_paths: tuple[Path, ...] = ()
    users: BuildUsers | None = None
    namespaces: tuple[str, ...] = ()
    mode: SandboxMode = SandboxMode.BWRAP
    why_not_bwrap: str = ""

    def confine(self, command: Command, mounts: Mounts) -> Command:
        """Put the command into namespaces of its own."""
        if self.users and command.user is None:
            raise ValueError("as root a confined command needs a user id of its own")
        refuse_detours(mounts)
        options = (*self.namespaces, *bubblewrap.arguments(mounts, self.masked_paths))
        inner = command.arguments
        if command.user is not None:
            options = (*options, *bubblewrap.as_root())
            inner = (*bubblewrap.dropping_to(command.user), *inner)
        words = (str(self.program), *options, "--chdir", str(command.folder), "--", *inner)
        # bubblewrap itself still runs outside: it must not load a library that a build names.
        environment = {
            name: value for name, value in command.environment.items() if not name.startswith("LD_")
        }
        return replace(
            command,
            arguments=words,
            folder=Path("/"),
            environment=environment,
            user=None,
            scoped=not self._gains_rights,
        )

    @property
    def _gains_rights(self) -> bool:
        # Some systems let an ordinary user make namespaces by a set-uid bubblewrap alone.
        return self.users is None and bool(self.program.stat().st_mode & stat.S_ISUID)


@dataclass(frozen=True)
class OtherUser:
    """Run each command under a user id that owns nothing but what was given to it; needs root."""

    users: BuildUsers
    why_not_bwrap: str
    mode: SandboxMode = SandboxMode.USER

    def confine(self, command: Command, mounts: Mounts) -> Command:
        """Leave the command's user as it is; what it can touch is a matter of permissions."""
        refuse_detours(mounts)
        return replace(command, scoped=True)


@dataclass(frozen=True)
class Unconfined:
    """Confine nothing, where nothing else is possible or wanted."""

    why_not_bwrap: str
    users: None = None
    mode: SandboxMode = SandboxMode.OFF

    def confine(self, command: Command, mounts: Mounts) -> Command:
        """Return the command as it is, under our own user id."""
        refuse_detours(mounts)
        return replace(command, user=None)


@dataclass(frozen=True)
class SandboxSetup:
    """What decides which sandbox is possible.

    `masked_paths` are files and folders of ours (data, keys, configuration) that nobody confined
    may see; `path` is where bwrap is looked for; `passable` are folders that a confined command
    must be able to reach in mode user; `users` is None unless we are root.
    """

    users: BuildUsers | None
    masked_paths: tuple[Path, ...] = ()
    path: str = os.defpath
    passable: tuple[Path, ...] = ()


def choose(policy: SandboxPolicy, machine: SandboxSetup) -> Sandbox:
    """Return the strongest sandbox that a trial run shows to work on this machine.

    Raises Refused(SANDBOX_MISSING) when one is required and there is none.
    """
    if policy is SandboxPolicy.OFF:
        return Unconfined("switched off")
    program = shutil.which("bwrap", path=machine.path)
    why = "not installed"
    if program:
        bwrap = _bubblewrap(Path(program), machine)
        why = _trial(bwrap)
        if not why:
            return bwrap
    if not (why_not_user := _why_not_user(machine, why)):
        assert machine.users is not None
        return OtherUser(machine.users, why)
    why = f"{why}; other users: {why_not_user}"
    if policy is SandboxPolicy.REQUIRED:
        raise Refused(Problem.SANDBOX_MISSING, detail=f"bubblewrap: {why}")
    return Unconfined(why)


def _bubblewrap(program: Path, machine: SandboxSetup) -> Bubblewrap:
    namespaces = () if machine.users else bubblewrap.unprivileged(_help(program))
    return Bubblewrap(program, machine.masked_paths, machine.users, namespaces)


def _help(program: Path) -> str:
    try:
        answer = subprocess.run(
            [program, "--help"], capture_output=True, text=True, timeout=_TRIAL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout + answer.stderr


def _why_not_user(machine: SandboxSetup, why: str) -> str:
    if machine.users is None:
        return "not root"
    closed = (closed_way(folder) for folder in machine.passable)
    return next(filter(None, closed), "") or _trial(OtherUser(machine.users, why))


def _trial(sandbox: Sandbox) -> str:
    """Run `true` in a sandbox; return what went wrong."""
    lines: list[str] = []
    with sandbox.users.claim() if sandbox.users else nullcontext() as claimed:
        user = claimed.uid if claimed else None
        command = Command(("true",), Path("/"), {"PATH": os.defpath}, _TRIAL_SECONDS, user)
        ended = run(sandbox.confine(command, ()), stop=Stop(), on_line=lines.append)
    if ended.code == 0:
        return ""
    return lines[-1] if lines else f"exit code {ended.code}"


def refuse_detours(mounts: Mounts) -> None:
    """Raise StageFailed where a confined command has put a link on the way to a mount.

    Otherwise the next command would be shown whatever the link names, or root would make the
    target of a mount where the link leads.
    """
    writable = [mount for mount in mounts if mount.writable]
    for mount in mounts:
        for outer in writable:
            _refuse_link(mount.source, outer.source)
            if mount.target.is_relative_to(outer.target):
                _refuse_link(outer.source / mount.target.relative_to(outer.target), outer.source)


def _refuse_link(path: Path, outer: Path) -> None:
    inside = path.relative_to(outer) if path.is_relative_to(outer) else Path()
    if (outer / inside).resolve() != outer.resolve() / inside:
        raise StageFailed(Problem.LINK_LEADS_OUTSIDE, path=str(inside))
