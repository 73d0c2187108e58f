"""The process that runs the commands of these tests."""

import os
import signal
import subprocess
import threading
from types import FrameType

import pytest

from command_line import CommandLine

pytestmark = pytest.mark.slow


class TimeLimit(Exception):
    """The end of a test that takes too long, as pytest-timeout has it."""


def end(_: int, __: FrameType | None) -> None:
    raise TimeLimit


def test_a_command_gets_its_own_answer_after_one_that_a_time_limit_has_ended(
    cli: CommandLine,
) -> None:
    before = signal.signal(signal.SIGUSR1, end)
    timer = threading.Timer(1, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    with pytest.raises(TimeLimit):
        cli.run("worker")
    signal.signal(signal.SIGUSR1, before)
    with pytest.raises(TimeoutError):
        cli.run("worker", seconds=1)
    assert cli.must("releases", "--json").json == []


def test_a_forked_program_is_heard_ended_and_its_exit_code_told(cli: CommandLine) -> None:
    listed = cli.fork("releases", "--json")
    assert listed.communicate(timeout=60) == ("[]\n", "")
    assert (listed.returncode, listed.poll()) == (0, 0)
    worker = cli.fork("worker")
    assert "default" in worker.stderr.readline()
    assert worker.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        worker.communicate(timeout=0.1)
    worker.terminate()
    worker.communicate(timeout=60)
    assert worker.returncode == 0
    killed = cli.fork("worker")
    killed.kill()
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
