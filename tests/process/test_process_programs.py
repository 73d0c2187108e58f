"""The machine's programs: found, old, or missing."""

from pathlib import Path

import pytest

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.process.programs import NODE, NPM, Program, find


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_a_program_tells_its_version(tmp_path: Path) -> None:
    program(tmp_path, "node", "echo v22.11.0")
    assert find(NODE, {"PATH": str(tmp_path)}).version == "22.11.0"


def test_npm_is_read_from_its_package_and_not_started(tmp_path: Path) -> None:
    package = tmp_path / "lib" / "npm"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"name": "npm", "version": "11.6.0"}')
    program(package / "bin", "npm-cli.js", "exit 1")
    (tmp_path / "npm").symlink_to(package / "bin" / "npm-cli.js")
    assert find(NPM, {"PATH": str(tmp_path)}).version == "11.6.0"


@pytest.mark.parametrize(
    ("script", "problem"),
    [("echo v18.20.0", Problem.TOOL_TOO_OLD), ("exit 1", Problem.TOOL_TOO_OLD)],
)
def test_an_old_or_broken_program_is_refused(script: str, problem: Problem, tmp_path: Path) -> None:
    program(tmp_path, "node", script)
    with pytest.raises(Refused) as refused:
        find(NODE, {"PATH": str(tmp_path)})
    assert refused.value.problem_detail.problem is problem


@pytest.mark.parametrize("beside", ["lib/node_modules", "include/node"])
def test_an_installation_is_shown_as_a_whole(tmp_path: Path, beside: str) -> None:
    program(tmp_path / "v22" / "bin", "node", "")
    (tmp_path / "v22" / beside).mkdir(parents=True)
    (tmp_path / "node").symlink_to(tmp_path / "v22" / "bin" / "node")
    assert Program(str(tmp_path / "node"), "22").folder == tmp_path / "v22"


@pytest.mark.parametrize("home", [".", "lin"])
def test_a_home_or_what_lies_above_it_is_no_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    program(tmp_path / "bin", "node", "")
    (tmp_path / "lib" / "node_modules").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / home))
    assert Program(str(tmp_path / "bin" / "node"), "22").folder == tmp_path / "bin"


def test_of_a_program_without_installation_its_own_folder_is_shown(tmp_path: Path) -> None:
    program(tmp_path / "bin", "node", "")
    assert Program(str(tmp_path / "bin" / "node"), "22").folder == tmp_path / "bin"


def test_a_missing_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        find(NODE, {"PATH": str(tmp_path)})
    assert refused.value.problem_detail.problem is Problem.TOOL_MISSING
