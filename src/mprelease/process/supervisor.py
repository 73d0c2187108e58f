"""Own the process tree of one command, and leave nobody behind when it ends.

`tree.start` runs this file as a program of its own, `python -I -S supervisor.py CHANNEL`, where
CHANNEL is the file descriptor of a stream socket to the worker. It writes the order, and maybe new
time limits. End of file, even by `kill -9` of the worker, ends the tree. The answer is the report.
Standard library only, and neither json nor typing: every command waits for the imports.
"""

import ctypes
import marshal
import math
import os
import select
import signal
import sys
import time
import warnings  # noqa: F401 (os.execvpe imports it, too late for a user who cannot read it)
from contextlib import suppress

GRACE = 1.5
"""Seconds between asking a tree to end (SIGTERM) and ending it (SIGKILL)."""

ITSELF = "itself"
LIMIT = "limit"
ASKED = "asked"
SIGNALED = "signaled"

EVENTS = 3
"""The file descriptor on which a command writes its events."""

# From <sys/prctl.h>.
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38

_ENDING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_LENGTH = 4
_NOT_FOUND = 127
_NOT_STARTED = 126
_BREATH = 0.02
_LONGEST_POLL = 3600.0


class Order:
    """Say what the worker wants; a `command.Command`, time limit in seconds.

    With `events` standard error is the pipe for them: the command finds it as EVENTS, and gets
    standard output twice.
    """

    def __init__(
        self,
        *,
        arguments: list[str],
        folder: str,
        environment: dict[str, str],
        time_limit: float,
        user: int | None,
        events: bool,
    ) -> None:
        """Take every field by its name."""
        self.arguments = arguments
        self.folder = folder
        self.environment = environment
        self.time_limit = time_limit
        self.user = user
        self.events = events

    def packed(self) -> bytes:
        """Return the order as it is sent: its length, then itself."""
        # Both ends are the same interpreter, so that marshal's format is no matter.
        return _message(marshal.dumps(vars(self)))


def new_limit(seconds: float) -> bytes:
    """Return the message that gives the command so many seconds from now on."""
    return _message(str(seconds).encode())


class Report:
    """Tell how the command ended: its exit code, or 128 + n for signal n, and who ended it.

    `cause` is ITSELF, LIMIT (the time limit), ASKED (by the worker or by its death) or SIGNALED
    (somebody sent this program a signal).
    """

    def __init__(self, code: int, cause: str) -> None:
        """Take the code and one of the causes."""
        self.code = code
        self.cause = cause

    def line(self) -> str:
        """Return the report as it is sent."""
        return f"{self.code} {self.cause}\n"

    @classmethod
    def of(cls, line: str) -> "Report":
        """Read a report that was sent."""
        code, cause = line.split()
        return cls(int(code), cause)


def main(arguments: list[str]) -> None:
    """Read the order, run it to its end, and report."""
    channel = int(arguments[0])
    os.set_inheritable(channel, False)  # noqa: FBT003 (its only form)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    body = _read_message(channel)
    if not body:
        return  # the worker has died before it was sent
    order = Order(**marshal.loads(body))  # noqa: S302 (from our own worker)
    report = _supervise(order, channel)
    with suppress(BrokenPipeError, ConnectionResetError):
        os.write(channel, report.line().encode())


def kill_descendants(root: int) -> None:
    """Send SIGKILL to every living descendant of a process, however far it has gone.

    All are frozen first, so that none can fork while the others are being killed.
    """
    frozen: set[int] = set()
    while fresh := _descendants(root) - frozen:
        _send(signal.SIGSTOP, fresh)
        frozen |= fresh
    _send(signal.SIGKILL, frozen)


class _Family:
    """The command and all that it started; the orphans among them become our children."""

    def __init__(self, command: int) -> None:
        self._command = command
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
            left = deadline - time.monotonic()
            if left <= 0:
                return LIMIT
            ready = dict(poll.poll(math.ceil(min(left, _LONGEST_POLL) * 1000)))
            if channel in ready:
                message = _read_message(channel)
                if not message:
                    return ASKED
                deadline = time.monotonic() + float(message)
            if alarm in ready and not _ENDING.isdisjoint(os.read(alarm, 4096)):
                return SIGNALED

    def end(self) -> None:
        """Return when nobody lives: first ask, then force."""
        if not self._reap():
            return
        family = _descendants(os.getpid())
        _send(signal.SIGTERM, family)
        _send(signal.SIGCONT, family)
        forced_at = time.monotonic() + GRACE
        while self._reap():
            if time.monotonic() >= forced_at:
                kill_descendants(os.getpid())
            time.sleep(_BREATH)

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
    _control(_PR_SET_CHILD_SUBREAPER, 1)
    alarm = _alarm()
    if _has_hung_up(channel):
        return Report(128 + signal.SIGTERM, ASKED)
    family = _Family(_launch(order))
    try:
        _let_go()
        cause = family.await_end(channel, alarm, order.time_limit)
    finally:
        family.end()
    return Report(family.code, cause)


def _has_hung_up(channel: int) -> bool:
    """Tell it without reading: a new time limit may lie there already."""
    poll = select.poll()
    poll.register(channel, select.POLLRDHUP)
    return bool(poll.poll(0))


def _message(body: bytes) -> bytes:
    return len(body).to_bytes(_LENGTH) + body


def _read_message(channel: int) -> bytes:
    """Return what the worker sent; nothing when it has hung up."""
    return _read(channel, int.from_bytes(_read(channel, _LENGTH)))


def _read(channel: int, length: int) -> bytes:
    read = b""
    while len(read) < length:
        chunk = os.read(channel, length - len(read))
        if not chunk:
            return b""
        read += chunk
    return read


def _alarm() -> int:
    """Return a descriptor on which the numbers of the signals that came can be read."""
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, *_ENDING):
        signal.signal(number, lambda _number, _frame: None)
    return readable


def _let_go() -> None:
    """Close our copies of what belongs to the command: a pipe ends when its last holder closes."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _launch(order: Order) -> int:
    supervisor = os.getpid()
    child = os.fork()
    if not child:
        try:
            _become(order, supervisor)
        except BaseException as error:  # noqa: BLE001 (nothing may get back from here)
            _give_up(_NOT_STARTED, f"cannot start {order.arguments[0]}: {error}")
    return child


def _become(order: Order, supervisor: int) -> None:
    # A session of its own: `kill 0` in a script must not reach the supervisor.
    os.setsid()
    _forget_signals()
    if order.events:
        os.dup2(2, EVENTS)
        os.dup2(1, 2)
    if order.user is not None:
        _change_user(order.user)
    # After the change of user, which would clear it.
    _control(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(_NOT_STARTED)
    try:
        os.chdir(order.folder)
    except OSError as error:
        _give_up(_NOT_STARTED, f"cannot enter the folder {order.folder}: {error.strerror}")
    try:
        os.execvpe(order.arguments[0], order.arguments, order.environment)  # noqa: S606
    except OSError as error:
        code = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_STARTED
        _give_up(code, f"cannot start {order.arguments[0]}: {error.strerror}")


def _forget_signals() -> None:
    """Undo what Python and our parents ignore; a command expects the defaults."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        with suppress(OSError):
            signal.signal(number, signal.SIG_DFL)


def _change_user(user: int) -> None:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    # Otherwise a set-uid program would be a way back.
    _control(_PR_SET_NO_NEW_PRIVS, 1)


def _give_up(code: int, why: str) -> None:
    os.write(2, f"mprelease: {why}\n".encode(errors="backslashreplace"))
    os._exit(code)


def _control(option: int, value: int) -> None:
    words = (ctypes.c_ulong(number) for number in (value, 0, 0, 0))
    if ctypes.CDLL(None, use_errno=True).prctl(option, *words):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _descendants(root: int) -> set[int]:
    with os.scandir("/proc") as entries:
        pids = [int(entry.name) for entry in entries if entry.name.isdecimal()]
    children: dict[int, list[int]] = {}
    for pid in pids:
        children.setdefault(_parent(pid), []).append(pid)
    found: set[int] = set()
    unseen = [root]
    while unseen:
        born = children.get(unseen.pop(), [])
        found.update(born)
        unseen += born
    return found


def _parent(pid: int) -> int:
    """Return a process' parent; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123 (pathlib costs start-up time)
            # The second field, the name, may hold spaces and brackets; the fourth is the parent.
            return int(stat.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def _send(number: signal.Signals, family: set[int]) -> None:
    for pid in family:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


if __name__ == "__main__":
    main(sys.argv[1:])
