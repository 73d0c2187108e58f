"""How soon the command line explains itself, beside Python alone and beside all of mprelease."""

from pathlib import Path

from benchmarks import python
from benchmarks.measuring import BrokenPromise, Measurement, Of, Target, medians

_ROUNDS = 5
_HEAVY = frozenset({"sqlalchemy", "httpx", "alembic", "cryptography", "pydantic_settings"})
_HELP = ("-m", "mprelease", "--help")
_ALL = "import mprelease.application"


def measure(folder: Path) -> list[Measurement]:
    """Start Python with nothing, with `--help`, and with everything that a release needs."""
    _refuse_heavy(folder)
    ours, nothing, everything = medians(
        _ROUNDS,
        lambda: _start(folder, *_HELP),
        lambda: _start(folder, "-c", "pass"),
        lambda: _start(folder, "-c", _ALL),
    )
    return [
        Measurement("mprelease --help", ours, "python -c pass", nothing),
        Measurement("mprelease --help", ours, _ALL, everything, Target(Of.RATIO, 0.7)),
    ]


def _refuse_heavy(folder: Path) -> None:
    # Python tells every import on standard error: "import time: 12 | 34 | package.module".
    told = _start(folder, "-X", "importtime", *_HELP)
    modules = {line.rpartition("|")[2].strip() for line in told.splitlines()}
    if heavy := _HEAVY & modules:
        raise BrokenPromise(f"mprelease --help imports {', '.join(sorted(heavy))}")


def _start(folder: Path, *arguments: str) -> str:
    return python.run(folder, *arguments).stderr
