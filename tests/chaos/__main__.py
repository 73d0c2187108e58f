"""Do harm to everything and count: `python -m chaos`; exit code 1 when a promise is broken."""

import argparse
import os
import random
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

from chaos.deployments import LEASE_SECONDS, SHAPES
from chaos.real import run_real
from chaos.run import SHORT_PAUSES, Outcome, Task, commit, run
from chaos.table import table

_WALKABLE = 0o711
_REAL_PAUSES = (4.0, 12.0)
_SHORT_SECONDS = 60
_SHORT = ["sqlite", "mariadb"]


def main() -> None:
    options = _arguments()
    folder = Path(mkdtemp(prefix="mprelease-chaos-"))
    # Where the real stages run, another user id may have to walk to a workspace.
    folder.chmod(_WALKABLE)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    _print(f"{time.strftime('%Y-%m-%d %H:%M')}, commit {commit()}, logs in {folder}")
    shapes = SHAPES if "all" in options.shape else options.shape
    task = Task(options.releases, options.workers, options.submitters, options.seconds, seed)
    if options.real or options.seconds < _SHORT_SECONDS:
        task = replace(task, pauses=_REAL_PAUSES if options.real else SHORT_PAUSES)
    _print(f"{task}; lease {LEASE_SECONDS} s; {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    outcomes: list[Outcome] = []
    for shape in shapes:
        place = folder / shape
        place.mkdir(mode=_WALKABLE)
        outcomes.append(run_real(shape, task, place) if options.real else run(shape, task, place))
        # Each at once: a run is long, and something may end it.
        _print(table(outcomes[-1:]))
    if len(outcomes) > 1:
        _print(table(outcomes))
    sys.exit(0 if all(outcome.is_kept for outcome in outcomes) else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--shape", nargs="+", choices=(*SHAPES, "all"), default=_SHORT)
    parser.add_argument("--releases", type=int, default=20, help="for each shape")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--submitters", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=12, help="of harm, for each shape")
    parser.add_argument("--seed", type=int, help="of what is options for and what goes wrong")
    real = "the real commands and WeChat's real tool, with a simulated WeChat"
    parser.add_argument("--real", action="store_true", help=real)
    return parser.parse_args()


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
