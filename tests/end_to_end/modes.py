"""A team in each mode of the sandbox, started by root as the tests are."""

import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mprelease.process.ownership import chown_tree
from mprelease.process.permissions import let_others_read
from team import Team, path_without_bwrap

ROOT = Path(__file__).parents[2]
ORDINARY = 58998
MODES = {"bwrap": "`bwrap`, root", "ordinary": "`bwrap`, ordinary user", "user": "`user`"}
"""Each mode, and the column of docs/security.md that tells of it."""


def in_mode(team: Team, mode: str, monkeypatch: pytest.MonkeyPatch) -> Team:
    """Return the team as it works in a mode; a sandbox is required in each."""
    team.extra["MPRELEASE_SANDBOX"] = "required"
    if mode == "user":
        programs = team.folder / "programs"
        monkeypatch.setenv("PATH", path_without_bwrap(programs))
    if mode != "ordinary":
        return team
    # Whoever is not root must be able to reach Python and the sources; nobody can list more.
    for place in (ROOT, Path(sys.executable), Path(sys.executable).resolve(), team.tools):
        for folder in place.parents:
            if not folder.stat().st_mode & stat.S_IXOTH:
                folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    let_others_read(team.tools)
    return replace(team, user=ORDINARY)


def given(team: Team) -> None:
    """Let whoever the team runs as own its folder."""
    if team.user is not None:
        (team.folder / "home").mkdir(exist_ok=True)
        chown_tree(team.folder, team.user)
