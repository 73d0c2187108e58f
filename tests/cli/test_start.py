"""Commands load what they need alone: help explains itself, and what only reads answers at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Of a release, the pages, and other nodes.
WORK = {"fastapi", "starlette", "uvicorn", "dramatiq", "redis", "httpx", "yaml", "wcmatch", "PIL"}
WORK |= {"alembic", "nodesemver", "rich.console", "argon2", "structlog", "apprise", "pymysql"}
HELP = {"sqlalchemy", "httpx", "alembic", "cryptography", "pydantic_settings"}
OURS = ("application", "engine", "platforms", "pipeline", "packages", "source", "web", "live")
READING = (["releases"], ["log", "1"], ["workers"])
# Without an exit code: there is no release 1.
PROGRAM = """
import atexit, os, sys
from mprelease.cli import main

def show():
    sys.stderr.write("\\n".join(sys.modules))
    sys.stderr.flush()
    os._exit(0)

atexit.register(show)
main()
"""


def imported(data: Path, *arguments: str) -> set[str]:
    """Return the modules that a command imports."""
    environment = {**os.environ, "MPRELEASE_DATA_DIR": str(data)}
    command = (sys.executable, "-c", PROGRAM, *arguments)
    answer = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return set(answer.stderr.split())


def test_help_imports_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    modules = imported(tmp_path, "--help")
    assert "mprelease.cli.serve" in modules
    assert not HELP & modules
    assert "mprelease.application" not in modules


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_a_command_that_only_reads_imports_nothing_of_a_release(
    arguments: list[str], data: Path
) -> None:
    modules = imported(data, *arguments)
    assert "mprelease.storage.releases" in modules or arguments == ["workers"]
    assert "mprelease.storage.database" in modules
    assert not WORK & modules
    ours = tuple(f"mprelease.{name}" for name in OURS)
    assert [name for name in modules if name.startswith(ours)] == []
    # An app stands beside its record, in `schemas.apps`: that takes a twentieth of the start.
    records = {"projects", "releases", "users", "documents", "release_document"}
    assert not {f"mprelease.schemas.{name}" for name in records} & modules


@pytest.mark.parametrize("arguments", [["app", "list"], ["project", "list"]], ids=" ".join)
def test_a_list_imports_no_worker(arguments: list[str], data: Path) -> None:
    modules = imported(data, *arguments)
    assert "mprelease.storage.database" in modules
    assert not {"mprelease.application", "mprelease.engine", "mprelease.pipeline"} & modules


def test_a_command_imports_no_other_command(data: Path) -> None:
    modules = imported(data, "releases")
    others = {"app", "project", "release", "serve", "demo", "doctor", "tools", "backup"}
    assert not {f"mprelease.cli.{name}" for name in others} & modules
