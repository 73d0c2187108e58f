"""Watch the disk space used by the folders of a command.

Standard library only, for the supervisor: see `supervisor`.
"""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress

from mprelease.process.process_table import Process, as_owner, descendants, visible
from mprelease.process.supervisor_protocol import DISK

_PAUSE = 1.0
_WALK_PAUSE = 10.0
_SHARE = 0.05  # of one core, for periodic walks
_STEP = 500  # files per step; between steps the supervisor handles other events
_LONG = 3000  # characters of a path; the system's limit is 4,096
_DEEPEST = 50  # times _LONG
_SMALLEST = 4096  # bytes, the least that a file counts: it bounds the number of files too

# World-writable folders.
_SHARED_PLACES = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108


class _TooDeepError(Exception):
    """A folder is nested too deeply to be measured."""


class DiskWatch:
    """Measure the bytes in folders, and in deleted files that are still open.

    The folders are walked in steps, every 10 s, and earlier if the used space of the file system
    has grown by half of what the limit leaves.
    """

    def __init__(self, root: int, folders: list[str], limit: int, user: int | None) -> None:
        """Take the root process of the tree, its folders, the limit in bytes and the user id.

        Files of that user id in world-writable folders count as well.
        """
        self._root = root
        self._folders = folders
        self._limit = limit
        self._user = user
        self._walk: Iterator[int] | None = None
        self._began = self._next_walk = self._earliest = 0.0
        self._used_before = 0
        self._enough = 0
        self.due = time.monotonic() + _PAUSE

    def look(self) -> str:
        """Do one step; return DISK if the limit is exceeded, else an empty string."""
        now = time.monotonic()
        if self._walk is None:
            self.due = now + _PAUSE
            grown = self._used_space() - self._used_before
            if now < self._earliest or (now < self._next_walk and grown < self._enough):
                return ""
            self._began = now
            self._used_before += grown
            self._walk = self._sizes()
        total = next(self._walk)
        if total >= 0:
            self._rest(total)
        self.due = time.monotonic() + (0 if total < 0 else _PAUSE)
        return DISK if total > self._limit else ""

    def _rest(self, total: int) -> None:
        now = time.monotonic()
        self._walk = None
        self._enough = max(0, self._limit - total) // 2
        self._earliest = now + now - self._began
        self._next_walk = now + max(_WALK_PAUSE, (now - self._began) / _SHARE)

    def _used_space(self) -> int:
        """Return the bytes in use on the file systems of the folders, each counted once."""
        used: dict[int | str, int] = {}
        for folder in (*self._folders, *self._shared_places):
            with suppress(OSError):
                system = os.statvfs(folder)
                files = (system.f_files - system.f_ffree) * _SMALLEST
                space = (system.f_blocks - system.f_bfree) * system.f_frsize
                used[system.f_fsid or folder] = space + files
        return sum(used.values())

    @property
    def _shared_places(self) -> tuple[str, ...]:
        return () if self._user is None else _SHARED_PLACES

    def _sizes(self) -> Iterator[int]:
        """Yield -1 after each step, and finally the sum; ends early above the limit."""
        total = 0
        seen: set[tuple[int, int]] = set()
        try:
            for number, state in enumerate(self._files(), 1):
                if state.st_nlink == 1 or stat.S_ISDIR(state.st_mode) or _is_new(state, seen):
                    total += max(state.st_blocks * 512, _SMALLEST)
                if total > self._limit:
                    break
                if number % _STEP == 0:
                    yield -1
        except _TooDeepError:
            # A tree that cannot be measured counts as too large.
            total = self._limit + 1
        yield total

    def _files(self) -> Iterator[os.stat_result]:
        for folder in self._folders:
            yield from _below(folder, None)
        for place in self._shared_places:
            yield from _below(place, self._user)
        for process in descendants(self._root):
            yield from _deleted(visible(process))


def _below(top: str, user: int | None, depth: int = 0) -> Iterator[os.stat_result]:
    """Yield the entries below a folder, not following links; only those of `user` if given."""
    unseen = [top]
    while unseen:
        folder = unseen.pop()
        if len(folder) >= _LONG:
            yield from _deeper(folder, user, depth)
            continue
        for entry in _entries(folder):
            with suppress(OSError):
                state = entry.stat(follow_symlinks=False)
                if user is None or state.st_uid == user:
                    yield state
                    if stat.S_ISDIR(state.st_mode):
                        unseen.append(entry.path)


def _deeper(folder: str, user: int | None, depth: int) -> Iterator[os.stat_result]:
    """Yield the entries below a folder by a shorter path, through an open descriptor."""
    if depth == _DEEPEST:
        raise _TooDeepError
    with suppress(OSError):
        descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            yield from _below(f"/proc/self/fd/{descriptor}", user, depth + 1)
        finally:
            os.close(descriptor)


def _entries(folder: str) -> list["os.DirEntry[str]"]:
    with suppress(OSError), os.scandir(folder) as entries:
        return list(entries)
    return []


def _is_new(state: os.stat_result, seen: set[tuple[int, int]]) -> bool:
    """Return whether a file with several hard links, or none, is counted for the first time."""
    key = (state.st_dev, state.st_ino)
    if key in seen:
        return False
    seen.add(key)
    return True


def _deleted(process: Process) -> list[os.stat_result]:
    """Return the open files of a process that were deleted."""
    found, is_hidden = _seen_deleted(process)
    if is_hidden:
        with suppress(OSError), as_owner(process):
            found, _ = _seen_deleted(process)
    return found


def _seen_deleted(process: Process) -> tuple[list[os.stat_result], bool]:
    """Return the deleted files that we may see, and whether there are others."""
    found: list[os.stat_result] = []
    is_hidden = False
    try:
        with os.scandir(f"{process.path}/fd") as entries:
            for entry in entries:
                try:
                    state = entry.stat()
                except PermissionError:
                    is_hidden = True
                except OSError:
                    continue
                else:
                    if state.st_nlink == 0 and stat.S_ISREG(state.st_mode):
                        found.append(state)
    except PermissionError:
        is_hidden = True
    except OSError:
        pass
    return found, is_hidden
