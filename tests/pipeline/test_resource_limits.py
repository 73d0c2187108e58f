import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.pipeline.resource_limits import raise_if_limited
from mprelease.process.command import Command
from mprelease.process.limits import LimitName, ResourceLimits
from mprelease.process.removal import remove
from mprelease.process.tree import Exit, Stop, run
from needs import needs

UID = 48217
LIMITS = ResourceLimits(processes=14, memory=512, disk=1, log=4)
root = needs("root", "run the tests as root", there=os.geteuid() == 0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder that everybody may write to, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o777)
    yield folder
    remove(folder)


def problem_of(ended: Exit, *lines: str, limits: ResourceLimits = LIMITS) -> StageFailed:
    with pytest.raises(StageFailed) as failed:
        raise_if_limited(ended, limits, lines)
    return failed.value


def failure(words: tuple[str, ...], folder: Path, limits: ResourceLimits) -> StageFailed:
    """Run a command under limits; return what its release is told."""
    lines: list[str] = []
    path = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    user = UID if os.geteuid() == 0 else None
    command = Command(words, folder, path, 90, user, limits, (folder,))
    ended = run(command, stop=Stop(), on_line=lines.append)
    return problem_of(ended, *lines, limits=limits)


@pytest.mark.parametrize(
    ("limit", "problem", "parameters"),
    [
        (LimitName.PROCESSES, Problem.PROCESS_LIMIT, {"processes": 14}),
        (LimitName.MEMORY, Problem.MEMORY_LIMIT, {"mebibytes": 512}),
        (LimitName.DISK, Problem.DISK_LIMIT, {"mebibytes": 1}),
        (LimitName.LOG, Problem.LOG_LIMIT, {"mebibytes": 4}),
    ],
)
def test_a_limit_that_ended_a_command_is_named_with_its_number(
    limit: LimitName, problem: Problem, parameters: dict[str, int]
) -> None:
    failed = problem_of(Exit(137, timed_out=False, stopped=False, limit=limit))
    assert (failed.problem_detail.problem, failed.problem_detail.parameters) == (
        problem,
        parameters,
    )


NODE_PROGRAMS = "for (let n = 0; n < 9; n++) require('child_process').spawn('sleep', ['9'])"
NODE_THREADS = """
const { Worker } = require('worker_threads')
for (let n = 0; n < 9; n++) new Worker('setTimeout(() => {}, 9000)', { eval: true })
"""
PYTHON_PROGRAMS = """
import os, time
for n in range(30):
    if not os.fork():
        time.sleep(9)
        os._exit(0)
"""
PYTHON_THREADS = """
import threading, time
for n in range(30):
    threading.Thread(target=time.sleep, args=(9,)).start()
"""


# The watch may be first, or the command, by what it says.
@root
@needs("node", "install Node")
@pytest.mark.parametrize(
    "words",
    [
        ("sh", "-c", "for n in $(seq 30); do true & sleep 9 & done"),
        ("bash", "-c", "for n in $(seq 30); do sleep 9 & done; wait"),
        ("node", "-e", NODE_PROGRAMS),
        ("node", "-e", NODE_THREADS),
        ("/usr/bin/python3", "-c", PYTHON_PROGRAMS),
        ("/usr/bin/python3", "-c", PYTHON_THREADS),
    ],
    ids=["sh", "bash", "node", "node thread", "python", "python thread"],
)
def test_a_command_that_is_refused_a_process_is_told_so(
    words: tuple[str, ...], folder: Path
) -> None:
    failed = failure(words, folder, ResourceLimits(processes=14))
    assert failed.problem_detail.problem is Problem.PROCESS_LIMIT


@needs("node", "install Node")
@pytest.mark.parametrize(
    "words",
    [
        ("sh", "-c", "head -c 3000000 /dev/zero > one"),
        ("sh", "-c", "head -c 3000000 /dev/zero > one; exit 3"),
        ("bash", "-c", "head -c 3000000 /dev/zero > one; exit 3"),
        ("node", "-e", "require('fs').writeFileSync('one', Buffer.alloc(3 << 20))"),
        ("python3", "-c", "open('one', 'wb').write(bytes(3 << 20))"),
    ],
    ids=["sh", "sh goes on", "bash", "node", "python"],
)
def test_a_command_that_is_refused_a_larger_file_is_told_so(
    words: tuple[str, ...], folder: Path
) -> None:
    assert shutil.which(words[0])
    failed = failure(words, folder, ResourceLimits(disk=1))
    assert failed.problem_detail.problem is Problem.DISK_LIMIT


@pytest.mark.parametrize(
    ("code", "line"),
    [
        (0, "sh: 0: Cannot fork"),
        (1, "write EAGAIN"),
        (1, "cat: -: Resource temporarily unavailable"),
        (1, "Error: ENOSPC: no space left on device"),
    ],
)
def test_what_only_looks_like_a_limit_is_none(code: int, line: str) -> None:
    raise_if_limited(Exit(code, timed_out=False, stopped=False), LIMITS, [line])


def test_a_command_without_limits_has_met_none() -> None:
    ended = Exit(1, timed_out=False, stopped=False)
    raise_if_limited(ended, ResourceLimits(), ["sh: 0: Cannot fork", "EFBIG: file too large"])
