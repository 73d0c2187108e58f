"""Many processes write one log file, and it rotates once for all (issue 12, number 33)."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from mprelease.cli.log_file import SharedLogFile

PROCESSES, RECORDS = 4, 400
WRITER = f"""
import logging, sys
from pathlib import Path
from mprelease.cli.log_file import SharedLogFile
log = logging.getLogger("one")
log.addHandler(SharedLogFile(Path(sys.argv[1]), largest=20_000, kept=50))
for number in range({RECORDS}):
    log.warning("process %s, record %s, and so on until it is a longer one", sys.argv[2], number)
"""


def a_log(handler: logging.Handler) -> logging.Logger:
    log = logging.getLogger(f"a log {id(handler)}")
    log.addHandler(handler)
    log.propagate = False
    return log


@pytest.mark.lasting
def test_no_record_is_lost_when_many_processes_rotate(tmp_path: Path) -> None:
    file = tmp_path / "mprelease.log"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(file), str(number)])
        for number in range(PROCESSES)
    ]
    assert [writer.wait(120) for writer in writers] == [0] * PROCESSES
    files = sorted(tmp_path.glob("mprelease.log*"))
    lines = [line for each in files for line in each.read_text().splitlines()]
    assert len(files) > 4
    assert max(each.stat().st_size for each in files) < 20_200
    assert len(lines) == len(set(lines)) == PROCESSES * RECORDS


def test_only_so_many_former_files_stay(tmp_path: Path) -> None:
    file = tmp_path / "mprelease.log"
    log = a_log(SharedLogFile(file, largest=5, kept=2))
    for number in range(9):
        log.warning("record %s", number)
    texts = {each.name: each.read_text() for each in tmp_path.glob("mprelease.log*")}
    assert texts == {
        "mprelease.log": "record 8\n",
        "mprelease.log.1": "record 7\n",
        "mprelease.log.2": "record 6\n",
    }


@pytest.mark.parametrize("attack", ["\x1b]52;c;cm0=\x07", "\x1b[2J", "\r", "\u202e"])
def test_what_steers_a_terminal_does_not_reach_the_file(tmp_path: Path, attack: str) -> None:
    """Issue 12, number 13."""
    log = a_log(SharedLogFile(tmp_path / "a.log", largest=1000, kept=1))
    log.warning("npm says: %s!", attack)
    assert (tmp_path / "a.log").read_text() == "npm says: !\n"
