"""The command line explains itself without loading what only a release needs."""

import subprocess
import sys

HEAVY = {"sqlalchemy", "httpx", "alembic", "cryptography", "pydantic_settings"}


def test_help_imports_nothing_that_it_does_not_need() -> None:
    command = (sys.executable, "-X", "importtime", "-m", "mprelease", "--help")
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    # Each line of standard error is "import time: 12 | 34 | package.module".
    modules = {line.rpartition("|")[2].strip() for line in answer.stderr.splitlines()}
    assert "mprelease.cli" in modules
    assert not HEAVY & modules
    assert "mprelease.application" not in modules
