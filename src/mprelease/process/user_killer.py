"""Kill all processes of a user id at once: `python -I -S user_killer.py UID SPARE`, as root.

One call of kill(2) reaches all of them, and none can fork meanwhile; whoever reads /proc instead
misses a process that has forked its successor and ended. SPARE is an id that nobody has: with it
as the real and the saved id this program may signal the processes of UID, and they cannot signal
it. The exit code is 0 when none of UID can do anything any more. Standard library only.
"""

import os
import signal
import sys


def main(uid: int, spare: int) -> None:
    """Become neither root nor the user, and kill."""
    os.setgroups([])
    os.setresgid(spare, spare, spare)
    os.setresuid(spare, uid, spare)
    _make_sure_of_no_power()
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        return


def _make_sure_of_no_power() -> None:
    """End here rather than kill the whole machine, should anything of root be left."""
    for pid in (1, os.getppid()):
        try:
            os.kill(pid, 0)
        except PermissionError:
            continue
        sys.exit("root's processes can still be signaled")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
