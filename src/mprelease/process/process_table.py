"""The descendants of a process, read from /proc.

Standard library only, for the supervisor: see `supervisor`.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_POLL_SECONDS = 0.02
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Process:
    """One process: parent, session, number of threads, and resident memory in bytes.

    `path` is its folder in /proc, or that of a living thread if the main thread has ended.
    """

    __slots__ = ("parent", "path", "pid", "resident", "session", "state", "threads")

    def __init__(self, pid: int, path: str, stat: bytes) -> None:
        """Parse the content of a file `stat`."""
        # The second field, the name, may contain spaces and brackets: proc_pid_stat(5).
        fields = stat.rpartition(b")")[2].split(None, 22)
        self.pid = pid
        self.path = path
        self.state = fields[0]
        self.parent = int(fields[1])
        self.session = int(fields[3])
        self.threads = int(fields[17])
        self.resident = int(fields[21]) * _PAGE


def descendants(root: int) -> list[Process]:
    """Return every descendant of a process, zombies included."""
    with os.scandir("/proc") as entries:
        pids = [entry.name for entry in entries if entry.name.isdecimal()]
    children: dict[int, list[Process]] = {}
    for pid in pids:
        if process := _process(int(pid), f"/proc/{pid}"):
            children.setdefault(process.parent, []).append(process)
    below: list[Process] = []
    unseen = [root]
    while unseen:
        own_children = children.get(unseen.pop(), [])
        below += own_children
        unseen += [process.pid for process in own_children]
    return below


def kill_descendants(root: int) -> None:
    """Send SIGKILL to every descendant of a process.

    All are stopped first, so that none can fork while the others are being killed.
    """
    frozen: set[int] = set()
    while fresh := {process.pid for process in descendants(root)} - frozen:
        send(signal.SIGSTOP, fresh)
        frozen |= fresh
    send(signal.SIGKILL, frozen)


def await_descendants(root: int, seconds: float) -> None:
    """Wait up to `seconds` until every descendant of a process has ended; zombies count as ended.

    Needed after SIGKILL if the process does not reap its children any more.
    """
    deadline = time.monotonic() + seconds
    while any(visible(process).state not in b"ZX" for process in descendants(root)):
        if time.monotonic() >= deadline:
            return
        time.sleep(_POLL_SECONDS)


def send(number: signal.Signals, pids: set[int]) -> None:
    """Send a signal to processes; those that have ended are ignored."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def visible(process: Process) -> Process:
    """Return a process as seen through a living thread, if its main thread has ended.

    The main entry of such a process shows no memory and no files, like a zombie.
    """
    if process.state != b"Z":
        return process
    with suppress(OSError):
        for thread in os.listdir(f"{process.path}/task"):  # noqa: PTH208 (pathlib costs start-up time)
            by_thread = _process(process.pid, f"{process.path}/task/{thread}")
            if by_thread and by_thread.state != b"Z":
                return by_thread
    return process


@contextmanager
def as_owner(process: Process) -> Iterator[None]:
    """Look at a process with its own user and group id; as another user than root change nothing.

    Without CAP_SYS_PTRACE, as in most containers, root may not look at the memory and the open
    files of another user. Our real and saved ids stay root's: the process cannot signal us.
    Raise OSError if the process has ended.
    """
    if os.geteuid():
        yield
        return
    ids: dict[bytes, bytes] = {}
    with open(f"{process.path}/status", "rb", 0) as status:  # noqa: PTH123 (likewise)
        for line in status.read().splitlines():
            name, _, values = line.partition(b":\t")
            ids[name] = values.partition(b"\t")[0]
    group = os.getegid()
    try:
        os.setegid(int(ids[b"Gid"]))
        os.seteuid(int(ids[b"Uid"]))
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)


def read(path: str) -> bytes:
    """Return the content of a file in /proc; empty if it is missing or not readable."""
    with suppress(OSError), open(path, "rb", 0) as file:  # noqa: PTH123 (likewise)
        return file.read()
    return b""


def _process(pid: int, path: str) -> Process | None:
    stat = read(f"{path}/stat")
    return Process(pid, path, stat) if stat else None
