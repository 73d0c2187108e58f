"""Run Python programs without environment variables of `make` or CI."""

import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import InvalidMeasurement
from mprelease.settings.environment import machine_environment


def run(folder: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run Python in a folder that is also its HOME; raise InvalidMeasurement if it fails."""
    # An installed mprelease has bytecode. With PYTHONDONTWRITEBYTECODE a checkout would be compiled
    # each time, so the warm-up round writes the bytecode into the folder.
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
        raise InvalidMeasurement(f"python {' '.join(arguments)}: {done.stderr}")
    return done
