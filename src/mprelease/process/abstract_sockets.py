"""Block a command from abstract Unix sockets of other processes, which no mount can hide.

Through one a build could pass an open folder to another build, or connect to a service of the
machine's user. Linux 6.12 and newer can refuse that (landlock(7)). Standard library only, for the
supervisor: see `supervisor`.
"""

import ctypes
import os

# From <linux/landlock.h>; the numbers of the system calls are the same on every machine.
_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_VERSION = 1
_OLDEST = 6  # version of Landlock's ABI
_SCOPE_ABSTRACT_UNIX_SOCKET = 1


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


def can_be_blocked() -> bool:
    """Return whether this kernel can block abstract sockets."""
    return _call(_CREATE_RULESET, None, 0, _VERSION) >= _OLDEST


def block() -> None:
    """Block this process and its children from sockets of other processes, if possible.

    Without root, PR_SET_NO_NEW_PRIVS must have been set before.
    """
    if not can_be_blocked():
        return
    rules = _Ruleset(0, 0, _SCOPE_ABSTRACT_UNIX_SOCKET)
    descriptor = _call(_CREATE_RULESET, ctypes.byref(rules), ctypes.sizeof(rules), 0)
    if descriptor >= 0:
        _call(_RESTRICT_SELF, descriptor, 0)
        os.close(descriptor)


def _call(number: int, *arguments: object) -> int:
    words = (ctypes.c_long(each) if isinstance(each, int) else each for each in arguments)
    return int(ctypes.CDLL(None).syscall(number, *words))
