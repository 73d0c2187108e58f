"""What a user id has left in the places where everybody may write."""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, run

_PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock", "/run/shm", "/dev/mqueue")  # noqa: S108
# Kind -> the option of ipcrm that takes an id.
_IPC = {"shm": "-m", "sem": "-s", "msg": "-q"}


def remove_leftovers(uid: int, places: tuple[str, ...] = _PLACES) -> None:
    """Remove every file, folder and System V object of a user, following no link.

    Where a folder of somebody else holds something of the user, that alone goes.
    """
    for place in places:
        with suppress(OSError):
            descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                _sweep(descriptor, uid)
            finally:
                os.close(descriptor)
    _remove_ipc(uid)


def _sweep(folder: int, uid: int) -> None:
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    for name in names:
        with suppress(OSError):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if found.st_uid == uid:
                _remove(name, folder, found)
            elif stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_IWOTH:
                _enter(name, folder, lambda inner: _sweep(inner, uid))


def _remove(name: str, folder: int, found: os.stat_result) -> None:
    if not stat.S_ISDIR(found.st_mode):
        os.unlink(name, dir_fd=folder)
        return
    _enter(name, folder, _empty)
    os.rmdir(name, dir_fd=folder)


def _empty(folder: int) -> None:
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    for name in names:
        _remove(name, folder, os.stat(name, dir_fd=folder, follow_symlinks=False))


def _enter(name: str, folder: int, work: Callable[[int], None]) -> None:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    descriptor = os.open(name, flags, dir_fd=folder)
    try:
        work(descriptor)
    finally:
        os.close(descriptor)


def _remove_ipc(uid: int) -> None:
    for kind, option in _IPC.items():
        with suppress(OSError):
            rows = [line.split() for line in Path("/proc/sysvipc", kind).read_text().splitlines()]
            column = rows[0].index("uid")
            for row in (row for row in rows[1:] if int(row[column]) == uid):
                run(["ipcrm", option, row[1]], stdout=DEVNULL, stderr=DEVNULL, check=False)
