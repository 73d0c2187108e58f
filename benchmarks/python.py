"""Run Python programs as a person's shell would, without what `make` or CI has set."""

import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import BrokenPromise
from mprelease.settings.environment import machine_environment


def run(folder: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run Python in a folder that is its HOME too; raise BrokenPromise when it fails."""
    # An installed mprelease has its bytecode; the one of a checkout would be compiled each time
    # where PYTHONDONTWRITEBYTECODE is set. Here the first round writes it, beside the checkout.
    kept = {"HOME": str(folder), "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    done = subprocess.run(
        (sys.executable, *arguments),
        env={**machine_environment(), **kept, **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BrokenPromise(f"python {' '.join(arguments)}: {done.stderr}")
    return done
