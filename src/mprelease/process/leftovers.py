"""What a user id has left in the places where everybody may write."""

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, run

from mprelease.process import user_keys
from mprelease.process.removal import empty, names_in, opened_folder

_PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock", "/run/shm", "/dev/mqueue")  # noqa: S108
_DEEPEST = 16
_EMPTY_KEYRINGS = 2  # of a user that has been cleaned up: its own, and that of its sessions
# Kind -> the option of ipcrm that takes an id.
_IPC = {"shm": "-m", "sem": "-s", "msg": "-q"}


def remove_leftovers(uid: int, places: tuple[str, ...] = _PLACES) -> None:
    """Remove every file, folder, System V object and key of a user, following no link.

    Where a folder of somebody else holds something of the user, that alone goes.
    """
    for place in places:
        with suppress(OSError), opened_folder(place) as descriptor:
            _sweep(descriptor, uid)
    _remove_ipc(uid)
    _remove_keys(uid)


def _sweep(place: int, uid: int, depth: int = 0) -> None:
    """Look through a folder, and through those in it that are open to everybody.

    Deep ones are made by builds that run now, to hold others up: they go with their owner.
    """
    for name in names_in(place):
        with suppress(OSError):
            found = os.stat(name, dir_fd=place, follow_symlinks=False)
            if found.st_uid == uid:
                _remove(name, place, found, uid)
            elif depth < _DEEPEST and stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_IWOTH:
                with opened_folder(name, place) as inner:
                    _sweep(inner, uid, depth + 1)


def _remove(name: str, place: int, found: os.stat_result, uid: int) -> None:
    if not stat.S_ISDIR(found.st_mode):
        os.unlink(name, dir_fd=place)
        return
    with opened_folder(name, place) as folder:
        # Somebody may have put another folder there meanwhile.
        if os.fstat(folder).st_uid == uid:
            empty(folder)
    os.rmdir(name, dir_fd=place)


def _remove_ipc(uid: int) -> None:
    for kind, option in _IPC.items():
        with suppress(OSError):
            rows = [line.split() for line in Path("/proc/sysvipc", kind).read_text().splitlines()]
            # The owner may have been changed; who made it never does.
            columns = (rows[0].index("uid"), rows[0].index("cuid"))
            for row in rows[1:]:
                if str(uid) in {row[column] for column in columns}:
                    run(["ipcrm", option, row[1]], stdout=DEVNULL, stderr=DEVNULL, check=False)


def _remove_keys(uid: int) -> None:
    if _keys(uid) <= _EMPTY_KEYRINGS or os.uname().machine not in user_keys.SYSTEM_CALLS:
        return
    words = [sys.executable, "-I", "-S", user_keys.__file__, str(uid)]
    run(words, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, check=False)


def _keys(uid: int) -> int:
    """Return how many keys and keyrings count for a user: see proc_key-users(5)."""
    with suppress(OSError):
        for line in Path("/proc/key-users").read_text().splitlines():
            name, _, numbers = line.strip().partition(":")
            if name == str(uid):
                return int(numbers.split()[2].partition("/")[0])
    return 0
