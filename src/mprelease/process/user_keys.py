"""Clear the kernel's keyrings of a user id: `python -I -S user_keys.py UID`, as root.

Only the user itself can clear them, and they outlive the processes of the user: keyrings(7).
Standard library only.
"""

import ctypes
import os
import sys

SYSTEM_CALLS = {"x86_64": 250, "aarch64": 219}
"""The system call number of keyctl(2) by architecture; the C library has no wrapper for it."""

# From <linux/keyctl.h>.
_CLEAR, _GET_PERSISTENT = 7, 22
_PROCESS, _USER, _USER_SESSION = -2, -4, -5
_OF_THE_CALLER = -1


def main(uid: int) -> None:
    """Change to the user id and clear its keyrings."""
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
