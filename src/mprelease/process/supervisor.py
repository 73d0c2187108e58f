"""Own the process tree of one command, and leave nobody behind when it ends.

`tree.start` runs `main` as a program of its own (PROGRAM), with the file descriptor of a stream
socket to the worker. It writes the order, and maybe new time limits. End of file, even by
`kill -9` of the worker, ends the tree. The answer is the report. Standard library only, as in all
that is imported here, and neither json nor typing: every command waits for the imports.
"""

import math
import os
import select
import signal
import time
from contextlib import suppress

from mprelease.process.child import PR_SET_CHILD_SUBREAPER, control, kill_user, launch
from mprelease.process.disk_watch import DiskWatch
from mprelease.process.order import (
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
from mprelease.process.process_table import descendants, kill_descendants, send
from mprelease.process.tree_watch import TreeWatch

GRACE = 1.5
"""Seconds between asking a tree to end (SIGTERM) and ending it (SIGKILL)."""

# Imported, unlike a file that is run, it is compiled only once. Behind the standard library.
PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from mprelease.process.supervisor import main; main(sys.argv[2])"
)
"""What Python runs as a supervisor: its arguments are where we are installed, and the channel."""

_ENDING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_BREATH = 0.02
_LONGEST_POLL = 3600.0

_USED_TOO_MUCH = frozenset({PROCESSES, MEMORY, DISK})


def main(channel_number: str) -> None:
    """Read the order, run it to its end, and report."""
    channel = int(channel_number)
    os.set_inheritable(channel, False)  # noqa: FBT003 (its only form)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    body = read_message(channel)
    if not body:
        return  # the worker has died before it was sent
    report = _supervise(Order.of(body), channel)
    with suppress(BrokenPipeError, ConnectionResetError):
        os.write(channel, report.line().encode())


class _Family:
    """The command and all that it started; the orphans among them become our children."""

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
        """Return why it is time to end: the first cause that comes."""
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
        """Return what the watches that are due find; nothing if all is well."""
        now = time.monotonic()
        causes = (watch.look() for watch in self._watches if watch.due <= now)
        return next(filter(None, causes), "")

    def _pause(self, deadline: float) -> int:
        """Return for how many ms nothing is due."""
        due = min([deadline, *(watch.due for watch in self._watches)])
        return math.ceil(max(0, min(due - time.monotonic(), _LONGEST_POLL)) * 1000)

    def end(self, cause: str) -> None:
        """Return when nobody lives: first ask, then force; at once who uses too much."""
        if not self._reap():
            return
        forced_at = time.monotonic()
        if cause not in _USED_TOO_MUCH:
            self._ask()
            forced_at += GRACE
        while self._reap():
            if time.monotonic() >= forced_at:
                kill_descendants(os.getpid())
            time.sleep(_BREATH)

    def _ask(self) -> None:
        family = {process.pid for process in descendants(os.getpid())}
        send(signal.SIGTERM, family)
        send(signal.SIGCONT, family)

    def _reap(self) -> bool:
        """Collect the dead, and tell whether anybody lives.

        A subreaper without children has no descendants either: exact, and cheaper than /proc.
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
    if _has_hung_up(channel):
        return Report(128 + signal.SIGTERM, ASKED)
    family = _Family(launch(order), _watches(order))
    cause = SIGNALED
    try:
        _send_go()
        cause = family.await_end(channel, alarm, order.time_limit)
    finally:
        family.end(cause)
        if order.sweep_user and order.user:
            kill_user(order.user)
    return Report(family.code, cause)


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


def _has_hung_up(channel: int) -> bool:
    """Tell it without reading: a new time limit may lie there already."""
    poll = select.poll()
    poll.register(channel, select.POLLRDHUP)
    return bool(poll.poll(0))


def _alarm() -> int:
    """Return a descriptor on which the numbers of the signals that came can be read."""
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, *_ENDING):
        signal.signal(number, lambda _number, _frame: None)
    return readable


def _send_go() -> None:
    """Close our copies of what belongs to the command: a pipe ends when its last holder closes."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)
