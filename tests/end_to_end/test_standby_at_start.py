"""The first release after a start finds a loaded tool, and so does the second of two at once."""

from pathlib import Path

import pytest

from command_line import CommandLine, wait_until
from mprelease.simulator.sample import make_sample

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("wechat_tool")]


def test_processes_wait_after_a_start_for_the_platforms_that_were_used(
    cli: CommandLine, tmp_path: Path
) -> None:
    cli.has_app(make_sample(tmp_path / "sample"))
    cli.extra |= {"MPRELEASE_SLOTS": "2", "MPRELEASE_RELEASE_MEMORY": "0"}
    worker = cli.fork("worker")
    assert worker.stderr
    assert "default" in worker.stderr.readline()
    assert waiting(cli) == [], "nothing was released so far"
    worker.terminate()
    worker.communicate()
    cli.must("preview", "shop")
    assert waiting(cli) == [], "a command leaves none behind"
    worker = cli.fork("worker")
    wait_until(lambda: len(waiting(cli)) == 2)
    worker.terminate()
    worker.communicate()
    assert waiting(cli) == []


def waiting(cli: CommandLine) -> list[Path]:
    """Return the private folders of publishing processes."""
    return list((cli.data / "scratch").glob("wechat-*"))
