"""Isolate commands from the machine and from each other.

docs/security.md states what each mode guarantees, and a test checks each line of it. In mode bwrap
a command sees the system's programs, its mounts and its own processes. In mode user it runs under a
user id that owns nothing else, and file permissions decide. Mode off guarantees nothing.
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
from mprelease.process.ownership import why_unreachable
from mprelease.process.tree import Stop, run

_TRIAL_SECONDS = 5.0
Mounts = Sequence[Mount]


class Sandbox(Protocol):
    """Isolates commands in one of the three modes."""

    @property
    def mode(self) -> SandboxMode:
        """The mode in use."""

    @property
    def why_not_bwrap(self) -> str:
        """Why bubblewrap is not used, in a few English words; empty if it is."""

    @property
    def users(self) -> BuildUsers | None:
        """The user ids for confined commands; None without root, when they run under our own."""

    def confine(self, command: Command, mounts: Mounts) -> Command:
        """Return the command with its isolation, under `command.user` if that is given.

        In mode bwrap its folder, arguments and environment name the targets of the mounts; in the
        other modes source and target are equal. Raise StageFailed(LINK_LEADS_OUTSIDE) if a symbolic
        link in a writable folder would redirect a mount.
        """


@dataclass(frozen=True)
class Bubblewrap:
    """Isolate commands with bubblewrap: they see the system's programs and their mounts only.

    `masked_paths` appear empty, also within a mount. With root, root creates the mounts and the
    command runs under its own user id without capabilities.
    """

    program: Path
    masked_paths: tuple[Path, ...] = ()
    users: BuildUsers | None = None
    namespaces: tuple[str, ...] = ()
    mode: SandboxMode = SandboxMode.BWRAP
    why_not_bwrap: str = ""

    def confine(self, command: Command, mounts: Mounts) -> Command:
        """Return the command line of bubblewrap for the command."""
        if self.users and command.user is None:
            raise ValueError("as root a confined command needs its own user id")
        refuse_redirected(mounts)
        options = (*self.namespaces, *bubblewrap.arguments(mounts, self.masked_paths))
        inner = command.arguments
        if command.user is not None:
            options = (*options, *bubblewrap.as_root())
            inner = (*bubblewrap.dropping_to(command.user), *inner)
        words = (str(self.program), *options, "--chdir", str(command.folder), "--", *inner)
        # bubblewrap runs outside of the sandbox: it must not load a build's library (LD_PRELOAD).
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
        # On some systems ordinary users can create namespaces only through a set-uid bubblewrap.
        return self.users is None and bool(self.program.stat().st_mode & stat.S_ISUID)


@dataclass(frozen=True)
class OtherUser:
    """Isolate commands by separate user ids only; needs root."""

    users: BuildUsers
    why_not_bwrap: str
    mode: SandboxMode = SandboxMode.USER

    def confine(self, command: Command, mounts: Mounts) -> Command:
        """Return the command scoped, with its user id unchanged."""
        refuse_redirected(mounts)
        return replace(command, scoped=True)


@dataclass(frozen=True)
class Unconfined:
    """No isolation."""

    why_not_bwrap: str
    users: None = None
    mode: SandboxMode = SandboxMode.OFF

    def confine(self, command: Command, mounts: Mounts) -> Command:
        """Return the command under the worker's user id."""
        refuse_redirected(mounts)
        return replace(command, user=None)


@dataclass(frozen=True)
class SandboxSetup:
    """The inputs for the choice of a sandbox.

    `users` is None without root. `masked_paths` are mprelease's files and folders (data, keys,
    configuration) that confined commands must not see. `path` is the PATH in which to find bwrap.
    `passable` are folders that other users must be able to reach in mode user.
    """

    users: BuildUsers | None
    masked_paths: tuple[Path, ...] = ()
    path: str = os.defpath
    passable: tuple[Path, ...] = ()


def choose(policy: SandboxPolicy, machine: SandboxSetup) -> Sandbox:
    """Return the strongest sandbox that passes a trial run on this machine.

    Raise Refused(SANDBOX_MISSING) if one is required and none works.
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
    unreachable = (why_unreachable(folder) for folder in machine.passable)
    return next(filter(None, unreachable), "") or _trial(OtherUser(machine.users, why))


def _trial(sandbox: Sandbox) -> str:
    """Run `true` in a sandbox; return the error, empty on success."""
    lines: list[str] = []
    with sandbox.users.claim() if sandbox.users else nullcontext() as claimed:
        user = claimed.uid if claimed else None
        command = Command(("true",), Path("/"), {"PATH": os.defpath}, _TRIAL_SECONDS, user)
        ended = run(sandbox.confine(command, ()), stop=Stop(), on_line=lines.append)
    if ended.code == 0:
        return ""
    return lines[-1] if lines else f"exit code {ended.code}"


def refuse_redirected(mounts: Mounts) -> None:
    """Raise StageFailed if a symbolic link in a writable mount redirects another mount.

    Otherwise the next command would see the link's target, or root would create the mount point
    there.
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
