"""Empty the kernel's keyrings of a user id: `python -I -S user_keys.py UID`, as root.

Only the user itself can: keyrings(7). They would outlive every process of the user. Standard
library only.
"""

import ctypes
import os
import sys

SYSTEM_CALLS = {"x86_64": 250, "aarch64": 219}
"""The number of keyctl(2) by the machine: the C library has no function for it."""

# From <linux/keyctl.h>.
_CLEAR, _GET_PERSISTENT = 7, 22
_PROCESS, _USER, _USER_SESSION = -2, -4, -5
_OF_THE_CALLER = -1


def main(uid: int) -> None:
    """Become the user, and clear what is its own."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    persistent = _keyctl(_GET_PERSISTENT, _OF_THE_CALLER, _PROCESS)
    for keyring in (_USER, _USER_SESSION, persistent):
        _keyctl(_CLEAR, keyring)


def _keyctl(*arguments: int) -> int:
    number = SYSTEM_CALLS[os.uname().machine]
    return int(ctypes.CDLL(None).syscall(number, *map(ctypes.c_long, arguments)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
