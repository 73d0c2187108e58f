"""The command line in each mode of the sandbox, started by root as the tests are."""

import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from command_line import CommandLine, path_without_bwrap
from mprelease.process.ownership import chown_tree
from mprelease.process.permissions import let_others_read

ROOT = Path(__file__).parents[2]
ORDINARY = 58998
MODES = {"bwrap": "`bwrap`, root", "ordinary": "`bwrap`, ordinary user", "user": "`user`"}
"""Each mode, and its column in docs/security.md."""


def in_mode(cli: CommandLine, mode: str, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return the command line in a mode; a sandbox is required in each."""
    cli.extra["MPRELEASE_SANDBOX"] = "required"
    if mode == "user":
        programs = cli.folder / "programs"
        monkeypatch.setenv("PATH", path_without_bwrap(programs))
    if mode != "ordinary":
        return cli
    # Other users must be able to reach Python and the sources; they cannot list the folders.
    for place in (ROOT, Path(sys.executable), Path(sys.executable).resolve(), cli.tools):
        for folder in place.parents:
            if not folder.stat().st_mode & stat.S_IXOTH:
                folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    let_others_read(cli.tools)
    return replace(cli, user=ORDINARY)


def give_folder(cli: CommandLine) -> None:
    """Give the folder to the user of the command line."""
    if cli.user is not None:
        (cli.folder / "home").mkdir(exist_ok=True)
        chown_tree(cli.folder, cli.user)
