"""Keep a command from the abstract sockets of others, which no mount hides: they lie in no folder.

Through one a build could hand an open folder to a build of somebody else, or speak to a service of
the user. Linux 6.12 and newer can refuse that (landlock(7)). Standard library only, for the
supervisor: see `supervisor`.
"""

import ctypes
import os

# From <linux/landlock.h>; the numbers of the system calls are the same on every machine.
_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_VERSION = 1
_OLDEST = 6  # version of the interface
_SCOPE_ABSTRACT_UNIX_SOCKET = 1


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


def can_be_closed() -> bool:
    """Tell whether this kernel can keep a command from them."""
    return _call(_CREATE_RULESET, None, 0, _VERSION) >= _OLDEST


def close_off() -> None:
    """Keep this process, and all that it starts, from those that others have opened, if possible.

    Without root, the process must have given up gaining rights (PR_SET_NO_NEW_PRIVS).
    """
    if not can_be_closed():
        return
    rules = _Ruleset(0, 0, _SCOPE_ABSTRACT_UNIX_SOCKET)
    descriptor = _call(_CREATE_RULESET, ctypes.byref(rules), ctypes.sizeof(rules), 0)
    if descriptor >= 0:
        _call(_RESTRICT_SELF, descriptor, 0)
        os.close(descriptor)


def _call(number: int, *arguments: object) -> int:
    words = (ctypes.c_long(each) if isinstance(each, int) else each for each in arguments)
    return int(ctypes.CDLL(None).syscall(number, *words))
