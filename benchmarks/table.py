"""Format measurements as a table, or as JSON."""

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measuring import Measurement

_WHAT, _BESIDE, _TARGET = 46, 36, 16


def machine() -> str:
    """Return a description of the machine: CPUs, load average and Python's version."""
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} CPUs, load {load:.1f}, Python {platform.python_version()}"


def head() -> str:
    """Return the table's first line."""
    return (
        f"{'what':<{_WHAT}}{'mprelease':>10}  {'beside':<{_BESIDE}}{'that':>9}"
        f"{'added':>9}{'ratio':>8}  {'target':<{_TARGET}}"
    )


def row(measurement: Measurement) -> str:
    """Return a measurement as a line of the table; times in ms."""
    found = measurement
    target = str(found.target) if found.target else "-"
    return (
        f"{found.what:<{_WHAT}}{found.ours:>10.0f}  {found.beside:<{_BESIDE}}{found.theirs:>9.0f}"
        f"{found.added:>+9.0f}{found.ratio:>8.2f}  {target:<{_TARGET}}"
        f"{'ok' if found.is_met else 'MISSED'}"
    )


def save(file: Path, measurements: Sequence[Measurement]) -> None:
    """Write measurements as JSON; times in ms."""
    content = {"machine": machine(), "measurements": [_plain(each) for each in measurements]}
    file.write_text(f"{json.dumps(content, indent=2)}\n", encoding="utf-8")


def _plain(measurement: Measurement) -> dict[str, object]:
    return {
        "what": measurement.what,
        "mprelease_ms": round(measurement.ours, 1),
        "beside": measurement.beside,
        "beside_ms": round(measurement.theirs, 1),
        "added_ms": round(measurement.added, 1),
        "ratio": round(measurement.ratio, 3),
        "target": str(measurement.target) if measurement.target else None,
        "ok": measurement.is_met,
    }
