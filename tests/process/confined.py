"""Commands with limits, and sandboxes to put them into."""

import os
import subprocess
import sys
from dataclasses import replace

from mprelease.domain.sandbox import SandboxMode, SandboxPolicy, UidRange
from mprelease.process.build_users import BuildUsers
from mprelease.process.command import Command
from mprelease.process.limits import ResourceLimits
from mprelease.process.sandbox import Sandbox, SandboxSetup, choose
from needs import needs

# Outside of the range from which other tests claim ids, so that no other test kills its processes.
UID = 48211
MODES = [SandboxMode.BWRAP, SandboxMode.USER]
# As docs/deploy.md gives them to a container in mode `user`.
_OF_A_CONTAINER = "-all,+chown,+dac_override,+fowner,+kill,+setgid,+setuid"
root = needs("root", "run the tests as root", there=os.geteuid() == 0)


def limited(command: Command, **limits: int) -> Command:
    """Return a command with limits."""
    return replace(command, limits=ResourceLimits(**limits))


def sandbox_of(mode: SandboxMode) -> Sandbox:
    """Return a sandbox of a mode; as root."""
    users = BuildUsers(UidRange(48212, 48215))
    assert not users.why_unusable()
    path = os.defpath if mode is SandboxMode.BWRAP else ""
    return choose(SandboxPolicy.AUTO, SandboxSetup(users, path=path))


def in_a_container(script: str, *arguments: str) -> str:
    """Run a Python script as root with the capabilities of a container; return its output."""
    rights = ("--bounding-set", _OF_A_CONTAINER, "--inh-caps", "-all")
    words = ("setpriv", *rights, sys.executable, "-c", script, *arguments)
    return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout
