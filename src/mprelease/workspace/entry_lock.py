"""Locks of stored results: shared while one is used, exclusive while it is made or removed."""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mprelease.process.tree import Stop

_POLL_SECONDS = 0.05
T = TypeVar("T")


class EntryLock:
    """A file lock; its file may be removed by the holder of the exclusive lock."""

    def __init__(self, file: Path) -> None:
        """Open the lock's file, in an existing folder, without locking it."""
        self._file = file
        self._stream = file.open("w")

    def try_shared(self) -> bool:
        """Take a shared lock; return False if another holder has it exclusively."""
        return self._locked(fcntl.LOCK_SH)

    def try_exclusive(self) -> bool:
        """Take an exclusive lock; return False if there is another holder."""
        return self._locked(fcntl.LOCK_EX)

    def release(self) -> None:
        """Unlock."""
        fcntl.flock(self._stream, fcntl.LOCK_UN)

    def close(self) -> None:
        """Unlock, and close the file."""
        self._stream.close()

    def _locked(self, kind: int) -> bool:
        while True:
            try:
                fcntl.flock(self._stream, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            if self._is_current():
                return True
            # The former holder has removed the file: others lock a new one.
            self._stream.close()
            self._stream = self._file.open("w")

    def _is_current(self) -> bool:
        try:
            present = self._file.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(present, os.fstat(self._stream.fileno()))


def found_or_locked(lock: EntryLock, find: Callable[[], T | None], stop: Stop) -> T | None:
    """Return what `find` finds, with a shared lock; or None with an exclusive lock, to make it.

    Wait while another holder makes it. Raise the reason of a stop.
    """
    while True:
        if lock.try_shared() and (existing := find()):
            return existing
        if lock.try_exclusive() and not find():
            return None
        # Another holder is making it, or has made it meanwhile.
        lock.release()
        stop.raise_if_asked()
        time.sleep(_POLL_SECONDS)
