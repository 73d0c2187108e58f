import os
import threading
import time
from pathlib import Path

import pytest

from confined import limited
from mprelease.process.limits import LimitName
from mprelease.process.tree import Stop, start
from process_trees import FollowedRelease, output, shell, wait_until

pytestmark = pytest.mark.lasting


@pytest.mark.parametrize(
    "script",
    ["yes", "yes ''", "yes '' | tr '\\n' '\\r'", "yes | tr -d '\\n'"],
    ids=["lines", "empty lines", "returns", "a line without end"],
)
def test_a_command_that_writes_too_much_is_ended(script: str) -> None:
    ended, lines = output(limited(shell(script), log=1))
    assert (ended.limit, ended.stopped, ended.timed_out) == (LimitName.LOG, False, False)
    assert sum(map(len, lines)) <= 1 << 20


def test_a_log_that_was_cut_is_no_success() -> None:
    ended, _ = output(
        limited(shell("trap 'exit 0' TERM PIPE; yes | head -c 1100000; exit 0"), log=1)
    )
    assert ended.limit is LimitName.LOG


def test_events_count_as_well() -> None:
    lines: list[str] = []
    command = limited(shell("yes >&3"), log=1)
    running = start(command, stop=Stop(), on_line=lines.append, on_event=lines.append)
    assert running.wait().limit is LimitName.LOG


def test_a_command_may_write_what_its_limit_says() -> None:
    ended, lines = output(limited(shell("yes 123456789012345 | head -n 20000"), log=1))
    assert (ended.limit, len(lines)) == (None, 20000)


@pytest.mark.parametrize("script", ["yes", "while :; do printf x; done"], ids=["lines", "bytes"])
def test_a_command_that_writes_without_end_leaves_others_their_time(script: str) -> None:
    watched = FollowedRelease(shell(script))
    wait_until(lambda: len(watched.lines) > 0 or script != "yes")
    before = reader_seconds()
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > 4, seconds=6)
    spent = reader_seconds() - before
    watched.cancel()
    # a burst of a second, and a quarter from then on
    assert spent < 1 + 4 / 4 + 0.5


def reader_seconds() -> float:
    """Return the CPU time of the one thread that reads lines."""
    thread = next(each for each in threading.enumerate() if each.name == "lines")
    stat = Path(f"/proc/self/task/{thread.native_id}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
