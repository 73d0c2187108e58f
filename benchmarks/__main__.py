"""Run all benchmarks, or the named ones; exit code 1 if a target is missed."""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import (
    checkout,
    engine,
    install,
    live,
    log,
    release,
    start,
    table,
    together,
    warm,
    web,
)
from benchmarks.measuring import InvalidMeasurement, Measurement

_BENCHMARKS: Mapping[str, Callable[[Path], list[Measurement]]] = {
    "start": start.measure,
    "engine": engine.measure,
    "log": log.measure,
    "web": web.measure,
    "live": live.measure,
    "checkout": checkout.measure,
    "install": install.measure,
    "release": release.measure,
    "warm": warm.measure,
    "together": together.measure,
}
# Builds under other user ids must be able to traverse the folder.
_WALKABLE = 0o711


def main() -> None:
    """Print one table of all selected benchmarks."""
    options = _arguments()
    began = time.monotonic()
    _say(f"{table.machine()}; times in ms: medians, of releases the fastest")
    _say(table.head())
    try:
        measurements = [row for name in options.names or _BENCHMARKS for row in _measured(name)]
    except InvalidMeasurement as broken:
        sys.exit(str(broken))
    if options.json:
        table.save(options.json, measurements)
    missed = [row for row in measurements if not row.is_met]
    _say(f"{len(missed)} targets missed; it took {time.monotonic() - began:.0f} s")
    sys.exit(1 if missed else 0)


def _measured(name: str) -> list[Measurement]:
    with TemporaryDirectory(prefix="mprelease-bench-") as folder:
        Path(folder).chmod(_WALKABLE)
        measurements = _BENCHMARKS[name](Path(folder))
    for measurement in measurements:
        _say(table.row(measurement))
    return measurements


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(_BENCHMARKS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table here too")
    options = parser.parse_args()
    for name in set(options.names) - _BENCHMARKS.keys():
        parser.error(f"there is no benchmark {name}")
    return options


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
