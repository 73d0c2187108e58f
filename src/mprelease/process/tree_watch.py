"""Watch the memory and the number of processes of a command.

Standard library only, for the supervisor: see `supervisor`.
"""

import os
import time
from contextlib import suppress

from mprelease.process.process_table import Process, as_owner, descendants, read, visible
from mprelease.process.supervisor_protocol import MEMORY, PROCESSES

_PAUSE = 0.5
_PAUSE_NEAR = 0.1  # above half of a limit
_SHARE = 0.05  # of one core
_SHARE_NEAR = 0.3
# At any cost of a check: memory that a tree allocates between two checks is beyond its limit.
_LONGEST_PAUSE = 2.0

# A new process may briefly share the memory of its parent (vfork), which would count twice: a limit
# counts as exceeded only after so many checks in a row.
_CONFIRMATIONS = 2


class TreeWatch:
    """Measure all descendants of a process: memory in bytes, and number with all threads.

    A limit of None is not checked. `niceness` is applied to each of their sessions (see
    `lower_group`). With `expendable`, each process is marked with `make_expendable`.
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
        """Take the root process and the limits of its descendants.

        Segments of System V memory that belong to `user` count as well: they outlive processes.
        """
        self._root = root
        self._memory = memory
        self._processes = processes
        self._niceness = b"%d" % niceness if niceness else b""
        self._expendable = expendable
        self._user = b"%d" % user if user is not None else b""
        self._lowered: set[int] = set()
        self._exceeded = 0
        self._has_swap = read("/proc/swaps").count(b"\n") > 1
        self.due = time.monotonic() + _PAUSE_NEAR

    def look(self) -> str:
        """Check once; return the cause to end the tree, MEMORY or PROCESSES, else empty."""
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
        self._exceeded = self._exceeded + 1 if cause else 0
        is_near = _is_near(used, self._memory) or _is_near(number, self._processes)
        now = time.monotonic()
        self.due = now + _pause(now - began, is_near=is_near)
        return cause if self._exceeded >= _CONFIRMATIONS else ""

    def _used(self, tree: list[Process]) -> int:
        """Return the tree's memory: an upper bound, or if that exceeds the limit, the exact sum."""
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
            # The kernel allows an ordinary user one change per 0.1 s.
            if process.session not in self._lowered and lower_group(process.pid, self._niceness):
                self._lowered.add(process.session)


def lower_group(pid: int, niceness: bytes) -> bool:
    """Set the nice value of a process's autogroup, if possible; return whether it was set.

    With autogroups (sched(7)) the nice value of a process counts only within its session, which any
    program may leave; between sessions the value of the group counts.
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
    """Make the kernel kill a process before others when memory runs out (oom_score_adj).

    The process can undo that if we lack CAP_SYS_RESOURCE, as in most containers.
    """
    with suppress(OSError), open(f"/proc/{pid}/oom_score_adj", "wb", 0) as score:  # noqa: PTH123
        score.write(b"1000")


def _pause(cost: float, *, is_near: bool) -> float:
    shortest, share = (_PAUSE_NEAR, _SHARE_NEAR) if is_near else (_PAUSE, _SHARE)
    return min(max(shortest, cost / share), _LONGEST_PAUSE)


def _is_near(used: int, limit: int | None) -> bool:
    return limit is not None and used * 2 > limit


def _proportional(process: Process) -> int:
    """Return the proportional set size (PSS) of a process: shared pages count by their share."""
    path = f"{process.path}/smaps_rollup"
    rollup = read(path)
    if not rollup:
        with suppress(OSError), as_owner(process):
            rollup = read(path)
    return _field(rollup, b"\nPss:") if rollup else process.resident


def _swapped(process: Process) -> int:
    return _field(read(f"{process.path}/status"), b"\nVmSwap:")


def _segments(user: bytes) -> int:
    """Return the bytes of the System V memory segments that a user owns or has created."""
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
