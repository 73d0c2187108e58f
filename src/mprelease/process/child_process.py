"""Fork and execute the supervisor's command with its user, limits and descriptors.

Standard library only, for the supervisor: see `supervisor`.
"""

import ctypes
import os
import resource
import signal
import warnings  # noqa: F401 (os.execvpe imports it, too late for a user without read access)
from contextlib import suppress

from mprelease.process import abstract_sockets
from mprelease.process.supervisor_protocol import MEBI, Order
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

# The kernel writes no file of this size, and unlike 0 it disables piping to a program as well: see
# do_coredump in fs/coredump.c.
_NO_CORE = 1


def launch(order: Order) -> int:
    """Start the command, and return its process id."""
    supervisor = os.getpid()
    child = os.fork()
    if not child:
        try:
            _become(order, supervisor)
        except BaseException as error:  # noqa: BLE001 (the child must not return)
            _give_up(_NOT_STARTED, f"cannot start {order.arguments[0]}: {error}")
    return child


def kill_user(user: int) -> None:
    """Kill every process of a user id that is used for commands only."""
    child = os.fork()
    if not child:
        try:
            _change_user(user)
            # One call for all: the kernel also reaches processes that are just being forked.
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
    # A new session: `kill 0` in a script must not reach the supervisor.
    os.setsid()
    _reset_signals()
    if order.events:
        os.dup2(2, EVENTS)
        os.dup2(1, 2)
    _limit(order)
    _join_new_keyring()
    if order.user is not None:
        _change_user(order.user)
    if order.scoped:
        control(_PR_SET_NO_NEW_PRIVS, 1)
        abstract_sockets.block()
    # After the change of user, which clears the setting.
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


def _reset_signals() -> None:
    """Reset all signals to their defaults, which commands expect."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        with suppress(OSError):
            signal.signal(number, signal.SIG_DFL)


def _limit(order: Order) -> None:
    _lower(resource.RLIMIT_CORE, _NO_CORE)
    # The kernel counts by user id; as root the command has its own. Root itself is exempt.
    if order.processes is not None and os.geteuid() == 0:
        _lower(resource.RLIMIT_NPROC, order.processes)
    if order.disk is not None:
        _lower(resource.RLIMIT_FSIZE, order.disk * MEBI)
    if order.niceness:
        os.nice(order.niceness)
        lower_group(os.getpid(), b"%d" % order.niceness)
    if order.expendable:
        make_expendable(os.getpid())


def _join_new_keyring() -> None:
    """Replace the inherited session keyring, which may hold Kerberos tickets: keyrings(7).

    If the kernel has no keyrings, or refuses the call, there are no keys either.
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
    # Otherwise a set-uid program could regain rights.
    control(_PR_SET_NO_NEW_PRIVS, 1)


def _give_up(code: int, why: str) -> None:
    os.write(2, f"mprelease: {why}\n".encode(errors="backslashreplace"))
    os._exit(code)
