"""Kill all processes of a user id at once: `python -I -S user_killer.py UID SPARE`, as root.

One call of kill(2) reaches all of them, and none can fork meanwhile; a walk through /proc can miss
a process that forks a successor and ends. SPARE is an unused id: with it as real and saved id this
program can signal the processes of UID, and they cannot signal it. The exit code is 0 if all
processes of UID were killed. Standard library only.
"""

import os
import signal
import sys


def main(uid: int, spare: int) -> None:
    """Drop root's rights, and kill the processes of the user."""
    os.setgroups([])
    os.setresgid(spare, spare, spare)
    os.setresuid(spare, uid, spare)
    _require_no_rights()
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        return


def _require_no_rights() -> None:
    """Exit if this process still has root's rights: it would kill every process."""
    for pid in (1, os.getppid()):
        try:
            os.kill(pid, 0)
        except PermissionError:
            continue
        sys.exit("root's processes can still be signaled")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
