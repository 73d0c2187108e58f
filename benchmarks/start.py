"""The times of commands that release nothing, compared to importing all of mprelease."""

from pathlib import Path

from benchmarks import python
from benchmarks.measuring import InvalidMeasurement, Measurement, Of, Target, medians

_ROUNDS = 5
_HEAVY = frozenset({"sqlalchemy", "httpx", "alembic", "cryptography", "pydantic_settings"})
_HELP = ("-m", "mprelease", "--help")
_READ = ("-m", "mprelease", "releases")
_ALL = "import mprelease.application"


def measure(folder: Path) -> list[Measurement]:
    """Start Python without imports, with commands, and with all imports of a release."""
    _refuse_heavy(folder)
    _start(folder, *_READ)  # makes the data folder
    ours, reading, nothing, everything = medians(
        _ROUNDS,
        lambda: _start(folder, *_HELP),
        lambda: _start(folder, *_READ),
        lambda: _start(folder, "-c", "pass"),
        lambda: _start(folder, "-c", _ALL),
    )
    return [
        Measurement("mprelease --help", ours, "python -c pass", nothing),
        Measurement("mprelease --help", ours, _ALL, everything, Target(Of.RATIO, 0.7)),
        Measurement("mprelease releases", reading, _ALL, everything, Target(Of.RATIO, 0.7)),
    ]


def _refuse_heavy(folder: Path) -> None:
    # Python writes every import to standard error: "import time: 12 | 34 | package.module".
    imports = _start(folder, "-X", "importtime", *_HELP)
    modules = {line.rpartition("|")[2].strip() for line in imports.splitlines()}
    if heavy := _HEAVY & modules:
        raise InvalidMeasurement(f"mprelease --help imports {', '.join(sorted(heavy))}")


def _start(folder: Path, *arguments: str) -> str:
    return python.run(folder, *arguments, MPRELEASE_DATA_DIR=str(folder / "data")).stderr
