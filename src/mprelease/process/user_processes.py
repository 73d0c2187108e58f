"""End every process of a user id, also one that forks faster than /proc can be read; needs root."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from mprelease.process import user_killer

_MOST_SECONDS = 20.0
_BREATH = 0.002
# Nobody's: systemd.io, "Users, Groups, UIDs".
_SPARE = range(65520, 65534)


def end_all(uid: int) -> bool:
    """Kill all processes of a user id; tell whether none lives, after 20 seconds at the latest.

    Where there is none this takes microseconds, else the start of a program. Those that only wait
    for their parents to collect them do not count.
    """
    if not _has_processes(uid):
        return True
    # From here on none can be born; those that die may need a while.
    has_killed = _kill(uid)
    deadline = time.monotonic() + _MOST_SECONDS
    while lives := _lives(uid):
        if time.monotonic() >= deadline:
            break
        time.sleep(_BREATH)
    return has_killed and not lives


def _has_processes(uid: int) -> bool:
    """Ask the kernel, which sees also those that are gone before /proc has been read."""
    try:
        os.getpriority(os.PRIO_USER, uid)
    except ProcessLookupError:
        return False
    return True


def _kill(uid: int) -> bool:
    spare = next((each for each in _SPARE if not _has_processes(each)), None)
    if spare is None:
        return False
    words = [sys.executable, "-I", "-S", user_killer.__file__, str(uid), str(spare)]
    quiet = subprocess.DEVNULL
    try:
        ended = subprocess.run(
            words, stdin=quiet, stdout=quiet, stderr=quiet, timeout=_MOST_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0


def _lives(uid: int) -> bool:
    with os.scandir("/proc") as entries:
        pids = [entry.name for entry in entries if entry.name.isdecimal()]
    return any(_is_living(pid, uid) for pid in pids)


def _is_living(pid: str, uid: int) -> bool:
    """Tell whether a process is a user's, and not only waiting to be collected."""
    status: dict[str, list[str]] = {}
    with suppress(OSError):
        for line in Path("/proc", pid, "status").read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            status[name] = value.split()
    if not status:
        return False
    return status["Uid"][0] == str(uid) and status["State"][0] not in {"Z", "X"}
