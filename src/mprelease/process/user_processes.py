"""Kill every process of a user id, also one that forks faster than /proc is read; needs root."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from mprelease.process import user_killer

_MOST_SECONDS = 20.0
_POLL_SECONDS = 0.002
# Unused ids: systemd.io, "Users, Groups, UIDs".
_SPARE = range(65520, 65534)


def end_all(uid: int) -> bool:
    """Kill all processes of a user id; return within 20 s whether all have ended.

    Takes microseconds if there are none, else the start of a program. Zombies do not count.
    """
    if not _has_processes(uid):
        return True
    # No process can fork any more; killed ones may take a while to end.
    has_killed = _kill(uid)
    deadline = time.monotonic() + _MOST_SECONDS
    while is_left := _has_living(uid):
        if time.monotonic() >= deadline:
            break
        time.sleep(_POLL_SECONDS)
    return has_killed and not is_left


def _has_processes(uid: int) -> bool:
    """Return the kernel's answer, which includes processes that a walk of /proc would miss."""
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


def _has_living(uid: int) -> bool:
    with os.scandir("/proc") as entries:
        pids = [entry.name for entry in entries if entry.name.isdecimal()]
    return any(_is_living(pid, uid) for pid in pids)


def _is_living(pid: str, uid: int) -> bool:
    """Return whether a process belongs to a user and is not a zombie."""
    status: dict[str, list[str]] = {}
    with suppress(OSError):
        for line in Path("/proc", pid, "status").read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            status[name] = value.split()
    if not status:
        return False
    return status["Uid"][0] == str(uid) and status["State"][0] not in {"Z", "X"}
