"""Supervise the process tree of one command, and kill what is left when the command ends.

`tree.start` runs `main` as a separate program (PROGRAM), with the file descriptor of a stream
socket to the worker. The worker sends the order, and possibly new time limits. End of file, also
after `kill -9` of the worker, ends the tree. The answer is the report. This module and its imports
use the standard library only, without json and typing: each command waits for the imports.
"""

import math
import os
import select
import signal
import time
from contextlib import suppress

from mprelease.process.child_process import PR_SET_CHILD_SUBREAPER, control, kill_user, launch
from mprelease.process.disk_watch import DiskWatch
from mprelease.process.process_table import descendants, kill_descendants, send
from mprelease.process.supervisor_protocol import (
    ASKED,
    DISK,
    ITSELF,
    LIMIT,
    MEBI,
    MEMORY,
    PROCESSES,
    SIGNALED,
    Order,
    Report,
    read_message,
)
from mprelease.process.tree_watch import TreeWatch

GRACE = 1.5
"""Seconds between SIGTERM and SIGKILL."""

# Unlike a script, an imported module is compiled only once. The standard library comes first.
PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from mprelease.process.supervisor import main; main(sys.argv[2])"
)
"""The supervisor's program for `python -c`; arguments: installation folder, descriptor number."""

_ENDING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_POLL_SECONDS = 0.02
_LONGEST_POLL = 3600.0

_USED_TOO_MUCH = frozenset({PROCESSES, MEMORY, DISK})


def main(channel_number: str) -> None:
    """Read the order, run it to its end, and report."""
    channel = int(channel_number)
    os.set_inheritable(channel, False)  # noqa: FBT003 (its only form)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    body = read_message(channel)
    if not body:
        return  # the worker has died before it sent the order
    report = _supervise(Order.of(body), channel)
    with suppress(BrokenPipeError, ConnectionResetError):
        os.write(channel, report.line().encode())


class _Tree:
    """The command and its descendants; orphans become children of the supervisor."""

    def __init__(self, command: int, watches: tuple[TreeWatch | DiskWatch, ...]) -> None:
        self._command = command
        self._watches = watches
        self._status: int | None = None

    @property
    def code(self) -> int:
        if self._status is None:
            return 128 + signal.SIGKILL
        code = os.waitstatus_to_exitcode(self._status)
        return code if code >= 0 else 128 - code

    def await_end(self, channel: int, alarm: int, time_limit: float) -> str:
        """Wait for the first cause to end the tree, and return it."""
        deadline = time.monotonic() + time_limit
        poll = select.poll()
        poll.register(channel, select.POLLIN)
        poll.register(alarm, select.POLLIN)
        while True:
            self._reap()
            if self._status is not None:
                return ITSELF
            if time.monotonic() >= deadline:
                return LIMIT
            if exceeded := self._exceeded():
                return exceeded
            ready = dict(poll.poll(self._pause(deadline)))
            if channel in ready:
                message = read_message(channel)
                if not message:
                    return ASKED
                deadline = time.monotonic() + float(message)
            if alarm in ready and not _ENDING.isdisjoint(os.read(alarm, 4096)):
                return SIGNALED

    def _exceeded(self) -> str:
        """Run the watches that are due; return the limit that is exceeded, else empty."""
        now = time.monotonic()
        causes = (watch.look() for watch in self._watches if watch.due <= now)
        return next(filter(None, causes), "")

    def _pause(self, deadline: float) -> int:
        """Return the ms until the deadline or the next check of a watch."""
        due = min([deadline, *(watch.due for watch in self._watches)])
        return math.ceil(max(0, min(due - time.monotonic(), _LONGEST_POLL)) * 1000)

    def end(self, cause: str) -> None:
        """End all processes: SIGTERM, then SIGKILL; SIGKILL at once if a limit was exceeded."""
        if not self._reap():
            return
        forced_at = time.monotonic()
        if cause not in _USED_TOO_MUCH:
            self._terminate()
            forced_at += GRACE
        while self._reap():
            if time.monotonic() >= forced_at:
                kill_descendants(os.getpid())
            time.sleep(_POLL_SECONDS)

    def _terminate(self) -> None:
        pids = {process.pid for process in descendants(os.getpid())}
        send(signal.SIGTERM, pids)
        send(signal.SIGCONT, pids)

    def _reap(self) -> bool:
        """Reap ended children, and return whether a process of the tree is left.

        A subreaper without children has no descendants: this is exact, and cheaper than /proc.
        """
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return True
                if pid == self._command:
                    self._status = status
        return False


def _supervise(order: Order, channel: int) -> Report:
    control(PR_SET_CHILD_SUBREAPER, 1)
    alarm = _alarm()
    if _is_closed(channel):
        return Report(128 + signal.SIGTERM, ASKED)
    tree = _Tree(launch(order), _watches(order))
    cause = SIGNALED
    try:
        _close_pipes()
        cause = tree.await_end(channel, alarm, order.time_limit)
    finally:
        tree.end(cause)
        if order.sweep_user and order.user:
            kill_user(order.user)
    return Report(tree.code, cause)


def _watches(order: Order) -> tuple[TreeWatch | DiskWatch, ...]:
    root = os.getpid()
    watches: list[TreeWatch | DiskWatch] = []
    if _needs_tree_watch(order):
        tree = TreeWatch(
            root,
            memory=None if order.memory is None else order.memory * MEBI,
            processes=order.processes,
            niceness=order.niceness,
            expendable=order.expendable,
            user=order.user,
        )
        watches.append(tree)
    if order.disk is not None:
        watches.append(DiskWatch(root, order.disk_folders, order.disk * MEBI, order.user))
    return tuple(watches)


def _needs_tree_watch(order: Order) -> bool:
    is_limited = order.memory is not None or order.processes is not None
    return is_limited or bool(order.niceness) or order.expendable


def _is_closed(channel: int) -> bool:
    """Return whether the worker has closed the channel, without reading a message from it."""
    poll = select.poll()
    poll.register(channel, select.POLLRDHUP)
    return bool(poll.poll(0))


def _alarm() -> int:
    """Return a descriptor from which the numbers of received signals can be read."""
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, *_ENDING):
        signal.signal(number, lambda _number, _frame: None)
    return readable


def _close_pipes() -> None:
    """Replace standard input and outputs by /dev/null: only the command holds its pipes then."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)
