"""A running `mprelease serve`: it sleeps, and a command line beside it wakes it at once."""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from browser import serving
from command_line import CommandLine
from mprelease.simulator.sample import make_sample

pytestmark = [pytest.mark.slow, pytest.mark.light_tool]
# It was 86 when every queue was looked at 20 times a second; a tick every 2 s takes a few.
SWITCHES_PER_SECOND = 15
SECONDS = 6


@pytest.fixture
def served(cli: CommandLine, chromium: Browser, tmp_path: Path) -> Iterator[CommandLine]:
    cli.has_app(make_sample(tmp_path / "sample"))
    with serving(cli, chromium):
        yield cli


def switches(pid: int) -> int:
    """Return how often the threads of a process have gone to sleep."""
    counts = [
        int(line.split()[1])
        for status in Path(f"/proc/{pid}/task").glob("*/status")
        for line in status.read_text().splitlines()
        if line.startswith("voluntary_ctxt_switches")
    ]
    return sum(counts)


def test_a_server_without_work_sleeps(served: CommandLine) -> None:
    pid = served.started[-1].pid
    time.sleep(3)  # it has started
    before = switches(pid)
    time.sleep(SECONDS)
    assert (switches(pid) - before) / SECONDS < SWITCHES_PER_SECOND


def test_a_command_line_beside_it_need_not_wait_for_a_tick(served: CommandLine) -> None:
    waits = []
    for _ in range(4):
        release = served.must("preview", "shop", "--json").json
        assert release["state"] == "succeeded"
        began, asked = (datetime.fromisoformat(release[of]) for of in ("started_at", "created_at"))
        waits.append((began - asked).total_seconds())
    assert sorted(waits)[2] < 0.3, waits
