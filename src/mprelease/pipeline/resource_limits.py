"""Determine which resource limit a command has reached."""

import re
import signal
from collections.abc import Iterable

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.process.limits import LimitName, ResourceLimits
from mprelease.process.tree import Exit

_FILE_TOO_LARGE = 128 + signal.SIGXFSZ


def raise_if_limited(ended: Exit, limits: ResourceLimits, lines: Iterable[str]) -> None:
    """Raise StageFailed if one of the limits ended a command, or made it fail.

    A refusal of the kernel (of a further process, a larger file) is recognised in the last lines
    of a failed command only.
    """
    if ended.limit:
        raise _failure(ended.limit, limits)
    if ended.code == 0 or ended.stopped:
        return
    text = "\n".join(lines)
    if limits.disk is not None and (ended.code == _FILE_TOO_LARGE or _TOO_LARGE.search(text)):
        raise _failure(LimitName.DISK, limits)
    if limits.processes is not None and _NO_PROCESS.search(text):
        raise _failure(LimitName.PROCESSES, limits)


# bash appends the command's line to the message, without a space.
_TOO_LARGE = re.compile(r"\bEFBIG\b|\bFile too large\b|\bFile size limit exceeded")

# sh, bash, Node (a program, a thread), Python (likewise), Go's and Rust's programs
_NO_PROCESS = re.compile(
    r": Cannot fork$"
    r"|\b(?:fork|clone|thread|exec|start)\b[^\n]*: (?i:resource temporarily unavailable)"
    r"|\bspawn(?:Sync)? \S+ EAGAIN\b"
    r"|'ERR_WORKER_INIT_FAILED'"
    r"|\[Errno 11\] Resource temporarily unavailable"
    r"|can't start new thread"
    r"|failed to create new OS thread"
    r'|\bcode: 11, kind: WouldBlock, message: "Resource temporarily unavailable"',
    re.MULTILINE,
)


def _failure(limit: LimitName, limits: ResourceLimits) -> StageFailed:
    match limit:
        case LimitName.PROCESSES:
            return StageFailed(Problem.PROCESS_LIMIT, processes=limits.processes or 0)
        case LimitName.MEMORY:
            return StageFailed(Problem.MEMORY_LIMIT, mebibytes=limits.memory or 0)
        case LimitName.DISK:
            return StageFailed(Problem.DISK_LIMIT, mebibytes=limits.disk or 0)
        case LimitName.LOG:
            return StageFailed(Problem.LOG_LIMIT, mebibytes=limits.log or 0)
