"""Remove what a user id has left in world-writable folders and in the kernel."""

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
_EMPTY_KEYRINGS = 2  # that remain after a clean-up: the user's, and that of its sessions
# Kind -> the option of ipcrm that takes an id.
_IPC = {"shm": "-m", "sem": "-s", "msg": "-q"}


def remove_leftovers(uid: int, places: tuple[str, ...] = _PLACES) -> None:
    """Remove every file, folder, System V object and key of a user, not following links.

    In world-writable folders of other users only the user's own entries are removed.
    """
    for place in places:
        with suppress(OSError), opened_folder(place) as descriptor:
            _sweep(descriptor, uid)
    _remove_ipc(uid)
    _remove_keys(uid)


def _sweep(place: int, uid: int, depth: int = 0) -> None:
    """Remove a user's entries from a folder, and from world-writable folders in it.

    Deeper ones are ignored: a running build may nest folders to delay this, and they are removed
    with those of their owner.
    """
    for name in names_in(place):
        with suppress(OSError):
            state = os.stat(name, dir_fd=place, follow_symlinks=False)
            if state.st_uid == uid:
                _remove(name, place, state, uid)
            elif depth < _DEEPEST and stat.S_ISDIR(state.st_mode) and state.st_mode & stat.S_IWOTH:
                with opened_folder(name, place) as inner:
                    _sweep(inner, uid, depth + 1)


def _remove(name: str, place: int, state: os.stat_result, uid: int) -> None:
    if not stat.S_ISDIR(state.st_mode):
        os.unlink(name, dir_fd=place)
        return
    with opened_folder(name, place) as folder:
        # The name may refer to another user's folder by now.
        if os.fstat(folder).st_uid == uid:
            empty(folder)
    os.rmdir(name, dir_fd=place)


def _remove_ipc(uid: int) -> None:
    for kind, option in _IPC.items():
        with suppress(OSError):
            rows = [line.split() for line in Path("/proc/sysvipc", kind).read_text().splitlines()]
            # The owner can be changed, the creator cannot.
            columns = (rows[0].index("uid"), rows[0].index("cuid"))
            for row in rows[1:]:
                if str(uid) in {row[column] for column in columns}:
                    _as_user(uid, ["ipcrm", option, row[1]])


def _as_user(uid: int, words: list[str]) -> None:
    """Run a program of the system under a user id whose processes have ended.

    Root may not remove what another user has in the kernel if it lacks CAP_SYS_ADMIN, as in most
    containers; owners and creators always may.
    """
    run(
        words,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
        env={"PATH": os.defpath},
        user=uid,
        group=uid,
        extra_groups=(),
        check=False,
    )


def _remove_keys(uid: int) -> None:
    if _keys(uid) <= _EMPTY_KEYRINGS or os.uname().machine not in user_keys.SYSTEM_CALLS:
        return
    words = [sys.executable, "-I", "-S", user_keys.__file__, str(uid)]
    run(words, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, check=False)


def _keys(uid: int) -> int:
    """Return the number of keys and keyrings of a user: see proc_key-users(5)."""
    with suppress(OSError):
        for line in Path("/proc/key-users").read_text().splitlines():
            name, _, numbers = line.strip().partition(":")
            if name == str(uid):
                return int(numbers.split()[2].partition("/")[0])
    return 0
