"""Turn a fork of the supervisor into the command that was ordered.

Standard library only, for the supervisor: see `supervisor`.
"""

import ctypes
import os
import resource
import signal
import warnings  # noqa: F401 (os.execvpe imports it, too late for a user who cannot read it)
from contextlib import suppress

from mprelease.process.abstract_sockets import close_off
from mprelease.process.order import MEBI, Order
from mprelease.process.tree_watch import lower_group, make_expendable
from mprelease.process.user_keys import SYSTEM_CALLS

EVENTS = 3
"""The file descriptor on which a command writes its events."""

# From <sys/prctl.h>.
PR_SET_CHILD_SUBREAPER = 36
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38

# From <linux/keyctl.h>.
_KEYCTL_JOIN_SESSION_KEYRING = 1

_NOT_FOUND = 127
_NOT_STARTED = 126

# The kernel writes no file so small, and takes one byte as "nothing to a program either", which
# it does not for 0: see do_coredump in fs/coredump.c.
_NO_CORE = 1


def launch(order: Order) -> int:
    """Start the command, and return its process id."""
    supervisor = os.getpid()
    child = os.fork()
    if not child:
        try:
            _become(order, supervisor)
        except BaseException as error:  # noqa: BLE001 (nothing may get back from here)
            _give_up(_NOT_STARTED, f"cannot start {order.arguments[0]}: {error}")
    return child


def kill_user(user: int) -> None:
    """Kill every process of a user id; nothing but commands may run under it."""
    child = os.fork()
    if not child:
        try:
            _change_user(user)
            # All at once: by this call the kernel leaves out nobody who is just being born.
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def control(option: int, value: int) -> None:
    """Call prctl(2)."""
    words = (ctypes.c_ulong(number) for number in (value, 0, 0, 0))
    if ctypes.CDLL(None, use_errno=True).prctl(option, *words):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _become(order: Order, supervisor: int) -> None:
    # A session of its own: `kill 0` in a script must not reach the supervisor.
    os.setsid()
    _forget_signals()
    if order.events:
        os.dup2(2, EVENTS)
        os.dup2(1, 2)
    _limit(order)
    _leave_keys()
    if order.user is not None:
        _change_user(order.user)
    if order.scoped:
        control(_PR_SET_NO_NEW_PRIVS, 1)
        close_off()
    # After the change of user, which would clear it.
    control(_PR_SET_PDEATHSIG, signal.SIGKILL)
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


def _limit(order: Order) -> None:
    _lower(resource.RLIMIT_CORE, _NO_CORE)
    # The kernel counts by user id: as root, the command has one of its own. Root itself is free.
    if order.processes is not None and os.geteuid() == 0:
        _lower(resource.RLIMIT_NPROC, order.processes)
    if order.disk is not None:
        _lower(resource.RLIMIT_FSIZE, order.disk * MEBI)
    if order.niceness:
        os.nice(order.niceness)
        lower_group(os.getpid(), b"%d" % order.niceness)
    if order.expendable:
        make_expendable(os.getpid())


def _leave_keys() -> None:
    """Leave the session keyring of whoever started us: keyrings(7), it may hold tickets.

    Where the kernel has none, or refuses it, there are no keys either.
    """
    if number := SYSTEM_CALLS.get(os.uname().machine):
        ctypes.CDLL(None).syscall(number, _KEYCTL_JOIN_SESSION_KEYRING, None)


def _lower(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (most, most))


def _change_user(user: int) -> None:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    # Otherwise a set-uid program would be a way back.
    control(_PR_SET_NO_NEW_PRIVS, 1)


def _give_up(code: int, why: str) -> None:
    os.write(2, f"mprelease: {why}\n".encode(errors="backslashreplace"))
    os._exit(code)
