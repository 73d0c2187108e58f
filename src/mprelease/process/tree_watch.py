"""Watch the memory and the number of the processes of a command.

Standard library only, for the supervisor: see `supervisor`.
"""

import os
import time
from contextlib import suppress

from mprelease.process.order import MEMORY, PROCESSES
from mprelease.process.process_table import Process, descendants, read, visible

_PAUSE = 0.5
_PAUSE_NEAR = 0.1  # above half of a limit
_SHARE = 0.05  # of one core
_SHARE_NEAR = 0.3
# However much a look costs: what a tree can allocate in the meantime is beyond its limit.
_LONGEST_PAUSE = 2.0

# A process that another one has just started may share its memory for a moment (vfork), and would
# count twice: only what two looks have found is believed.
_LOOKS = 2


class TreeWatch:
    """Watch all descendants of a process: their memory in bytes, their number with all threads.

    A limit of None is not watched. With a niceness each of their sessions gets it (see
    `lower_group`). What is expendable stays so.
    """

    def __init__(
        self,
        root: int,
        *,
        memory: int | None,
        processes: int | None,
        niceness: int,
        expendable: bool,
        user: int | None = None,
    ) -> None:
        """Take the process, and what its descendants may have; the first look is not due yet.

        Segments of System V memory that belong to `user` count as well: they need no process.
        """
        self._root = root
        self._memory = memory
        self._processes = processes
        self._niceness = b"%d" % niceness if niceness else b""
        self._expendable = expendable
        self._user = b"%d" % user if user is not None else b""
        self._lowered: set[int] = set()
        self._looks = 0
        self._has_swap = read("/proc/swaps").count(b"\n") > 1
        self.due = time.monotonic() + _PAUSE_NEAR

    def look(self) -> str:
        """Return the cause to end the tree, MEMORY or PROCESSES; nothing if there is none."""
        began = time.monotonic()
        tree = [visible(process) for process in descendants(self._root)]
        if self._niceness:
            self._lower(tree)
        if self._expendable:
            for process in tree:
                make_expendable(process.pid)
        used, number = self._used(tree), sum(process.threads for process in tree)
        cause = ""
        if self._processes is not None and number >= self._processes:
            cause = PROCESSES
        if self._memory is not None and used > self._memory:
            cause = MEMORY
        self._looks = self._looks + 1 if cause else 0
        is_near = _is_near(used, self._memory) or _is_near(number, self._processes)
        now = time.monotonic()
        self.due = now + _pause(now - began, is_near=is_near)
        return cause if self._looks >= _LOOKS else ""

    def _used(self, tree: list[Process]) -> int:
        """Return the tree's memory; exactly only when the cheap upper bound is too much."""
        swapped = sum(map(_swapped, tree)) if self._has_swap else 0
        used = sum(process.resident for process in tree) + swapped
        if self._memory is None:
            return used
        segments = _segments(self._user) if self._user else 0
        if used + segments <= self._memory:
            return used + segments
        return sum(map(_proportional, tree)) + swapped + segments

    def _lower(self, tree: list[Process]) -> None:
        for process in tree:
            # An ordinary user may change only one in a tenth of a second.
            if process.session not in self._lowered and lower_group(process.pid, self._niceness):
                self._lowered.add(process.session)


def lower_group(pid: int, niceness: bytes) -> bool:
    """Set the nice value of the scheduler's group of a process, if that is possible.

    With autogroups (sched(7)) a nice value counts only inside of its session, which any program
    may leave; the group's own value is what counts between sessions.
    """
    try:
        descriptor = os.open(f"/proc/{pid}/autogroup", os.O_WRONLY)
    except OSError:
        return False
    try:
        return os.write(descriptor, niceness) > 0
    except OSError:
        return False
    finally:
        os.close(descriptor)


def make_expendable(pid: int) -> None:
    """Let the kernel end a process before others when memory runs out.

    The process can undo that where we lack CAP_SYS_RESOURCE, as in most containers.
    """
    with suppress(OSError), open(f"/proc/{pid}/oom_score_adj", "wb", 0) as score:  # noqa: PTH123
        score.write(b"1000")


def _pause(cost: float, *, is_near: bool) -> float:
    shortest, share = (_PAUSE_NEAR, _SHARE_NEAR) if is_near else (_PAUSE, _SHARE)
    return min(max(shortest, cost / share), _LONGEST_PAUSE)


def _is_near(used: int, limit: int | None) -> bool:
    return limit is not None and used * 2 > limit


def _proportional(process: Process) -> int:
    """Return a process' memory, with its share of what others have mapped too."""
    rollup = read(f"{process.path}/smaps_rollup")
    return _field(rollup, b"\nPss:") if rollup else process.resident


def _swapped(process: Process) -> int:
    return _field(read(f"{process.path}/status"), b"\nVmSwap:")


def _segments(user: bytes) -> int:
    """Return the bytes of the segments of System V memory that a user has or has made."""
    head, _, table = read("/proc/sysvipc/shm").partition(b"\n")
    names = head.split()
    used = 0
    for row in table.splitlines():
        segment = dict(zip(names, row.split(), strict=False))
        if user in {segment.get(b"uid"), segment.get(b"cuid")}:
            used += int(segment.get(b"rss", 0)) + int(segment.get(b"swap", 0))
    return used


def _field(text: bytes, name: bytes) -> int:
    """Return the bytes of a line such as `Pss:   120 kB`."""
    words = text.partition(name)[2].split(None, 1)
    return int(words[0]) * 1024 if words else 0
