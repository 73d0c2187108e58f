"""What a user id has left in the places where everybody may write."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
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


def _sweep(place: int, uid: int) -> None:
    """Look through a folder, and through those in it that are open to everybody."""
    for name in _names(place):
        with suppress(OSError):
            found = os.stat(name, dir_fd=place, follow_symlinks=False)
            if found.st_uid == uid:
                _remove(name, place, found, uid)
            elif stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_IWOTH:
                with _opened(name, place) as inner:
                    _sweep(inner, uid)


def _remove(name: str, place: int, found: os.stat_result, uid: int) -> None:
    if not stat.S_ISDIR(found.st_mode):
        os.unlink(name, dir_fd=place)
        return
    with _opened(name, place) as folder:
        # Somebody may have put another folder there meanwhile.
        if os.fstat(folder).st_uid == uid:
            _empty(folder)
    os.rmdir(name, dir_fd=place)


def _empty(folder: int) -> None:
    """Remove all that a folder holds, in steps whose number of open files does not grow.

    What lies in an inner folder is moved up, however deep it was.
    """
    fresh = (f".mprelease-{number}" for number in count())
    while names := _names(folder):
        for name in names:
            if _is_folder(name, folder):
                with _opened(name, folder) as inner:
                    for each in _names(inner):
                        os.rename(each, next(fresh), src_dir_fd=inner, dst_dir_fd=folder)
                os.rmdir(name, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)


def _is_folder(name: str, folder: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


@contextmanager
def _opened(name: str, folder: int) -> Iterator[int]:
    descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _remove_ipc(uid: int) -> None:
    for kind, option in _IPC.items():
        with suppress(OSError):
            rows = [line.split() for line in Path("/proc/sysvipc", kind).read_text().splitlines()]
            # The owner may have been changed; who made it never does.
            columns = (rows[0].index("uid"), rows[0].index("cuid"))
            for row in rows[1:]:
                if str(uid) in {row[column] for column in columns}:
                    run(["ipcrm", option, row[1]], stdout=DEVNULL, stderr=DEVNULL, check=False)
