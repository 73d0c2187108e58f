"""Which sandbox a machine gets, and why it gets no better one."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.sandbox import SandboxMode, SandboxPolicy, UidRange
from mprelease.process.build_users import BuildUsers
from mprelease.process.sandbox import SandboxSetup, choose
from needs import needs
from process_trees import shell

USERS = BuildUsers(UidRange(59000, 59255))
MACHINE = SandboxSetup(USERS if os.geteuid() == 0 and not USERS.why_unusable() else None)
bwrap = needs(
    "bubblewrap that may make namespaces",
    "apt-get install -y bubblewrap",
    there=choose(SandboxPolicy.AUTO, MACHINE).mode is SandboxMode.BWRAP,
)
root = needs("root", "run the tests as root", there=os.geteuid() == 0)


def test_off_leaves_the_command_as_it_is() -> None:
    sandbox = choose(SandboxPolicy.OFF, MACHINE)
    assert sandbox.mode is SandboxMode.OFF
    assert sandbox.confine(shell("true"), ()) == shell("true")


@bwrap
def test_required_is_met_by_bubblewrap() -> None:
    assert choose(SandboxPolicy.REQUIRED, MACHINE).mode is SandboxMode.BWRAP


@root
def test_root_without_bubblewrap_uses_other_users(tmp_path: Path) -> None:
    sandbox = choose(SandboxPolicy.AUTO, replace(MACHINE, path=str(tmp_path)))
    assert (sandbox.mode, sandbox.why_not_bwrap) == (SandboxMode.USER, "not installed")


@root
def test_other_users_that_cannot_reach_their_folders_are_no_sandbox(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    machine = replace(MACHINE, path=str(tmp_path), passable=(closed / "data",))
    sandbox = choose(SandboxPolicy.AUTO, machine)
    assert sandbox.mode is SandboxMode.OFF
    assert "cannot pass through" in sandbox.why_not_bwrap


@root
def test_a_bubblewrap_that_may_not_make_namespaces_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create a new namespace'; exit 1\n")
    broken.chmod(0o755)
    sandbox = choose(SandboxPolicy.AUTO, replace(MACHINE, path=str(tmp_path)))
    assert sandbox.mode is SandboxMode.USER
    assert sandbox.why_not_bwrap == "bwrap: No permissions to create a new namespace"


def test_a_required_sandbox_that_is_missing_is_refused(tmp_path: Path) -> None:
    ordinary = SandboxSetup(None, path=str(tmp_path))
    assert choose(SandboxPolicy.AUTO, ordinary).mode is SandboxMode.OFF
    with pytest.raises(Refused) as refusal:
        choose(SandboxPolicy.REQUIRED, ordinary)
    assert refusal.value.problem_detail.parameters == {
        "detail": "bubblewrap: not installed; other users: not root"
    }
