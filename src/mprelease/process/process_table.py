"""The processes below another one, as /proc shows them.

Standard library only, for the supervisor: see `supervisor`.
"""

import os
import signal
import time
from contextlib import suppress

_BREATH = 0.02
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Process:
    """One process: its parent, its session, its threads, and the bytes that it has in memory.

    `path` is where /proc shows it: that of a living thread where the first one has ended.
    """

    __slots__ = ("parent", "path", "pid", "resident", "session", "state", "threads")

    def __init__(self, pid: int, path: str, stat: bytes) -> None:
        """Read what the kernel says in a file `stat`."""
        # The second field, the name, may hold spaces and brackets. See proc_pid_stat(5).
        fields = stat.rpartition(b")")[2].split(None, 22)
        self.pid = pid
        self.path = path
        self.state = fields[0]
        self.parent = int(fields[1])
        self.session = int(fields[3])
        self.threads = int(fields[17])
        self.resident = int(fields[21]) * _PAGE


def descendants(root: int) -> list[Process]:
    """Return every process below another one, dead ones that nobody has collected included."""
    with os.scandir("/proc") as entries:
        pids = [entry.name for entry in entries if entry.name.isdecimal()]
    children: dict[int, list[Process]] = {}
    for pid in pids:
        if process := _process(int(pid), f"/proc/{pid}"):
            children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    unseen = [root]
    while unseen:
        born = children.get(unseen.pop(), [])
        found += born
        unseen += [process.pid for process in born]
    return found


def kill_descendants(root: int) -> None:
    """Send SIGKILL to every living descendant of a process, however far it has gone.

    All are frozen first, so that none can fork while the others are being killed.
    """
    frozen: set[int] = set()
    while fresh := {process.pid for process in descendants(root)} - frozen:
        send(signal.SIGSTOP, fresh)
        frozen |= fresh
    send(signal.SIGKILL, frozen)


def await_descendants(root: int, seconds: float) -> None:
    """Return when no descendant of a process that has ceased to collect its dead lives, or later.

    Whoever was sent SIGKILL lives on for a moment.
    """
    deadline = time.monotonic() + seconds
    while any(visible(process).state not in b"ZX" for process in descendants(root)):
        if time.monotonic() >= deadline:
            return
        time.sleep(_BREATH)


def send(number: signal.Signals, pids: set[int]) -> None:
    """Send a signal to processes, some of which may be gone."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def visible(process: Process) -> Process:
    """Return a process by a thread that lives, if its first one has ended.

    Such a process shows no memory and no files of its own, as if it were dead.
    """
    if process.state != b"Z":
        return process
    with suppress(OSError):
        for thread in os.listdir(f"{process.path}/task"):  # noqa: PTH208 (pathlib costs start-up time)
            found = _process(process.pid, f"{process.path}/task/{thread}")
            if found and found.state != b"Z":
                return found
    return process


def read(path: str) -> bytes:
    """Return what a file of /proc says; nothing where it is gone or not for us."""
    with suppress(OSError), open(path, "rb", 0) as file:  # noqa: PTH123 (likewise)
        return file.read()
    return b""


def _process(pid: int, path: str) -> Process | None:
    stat = read(f"{path}/stat")
    return Process(pid, path, stat) if stat else None
