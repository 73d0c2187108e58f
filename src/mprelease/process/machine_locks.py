"""Locks between all mprelease processes of a machine; each ends with the process that holds it."""

import fcntl
import os
import stat
from pathlib import Path


class MachineLocks:
    """File locks in a private folder."""

    def __init__(self, folder: Path) -> None:
        """Take the folder, which is created when it is needed."""
        self._folder = folder

    def why_unusable(self) -> str:
        """Create the folder; return why it cannot be used, empty if it can."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            state = self._folder.lstat()
        except OSError as error:
            return f"{self._folder}: {error.strerror}"
        if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.geteuid() or state.st_mode & 0o022:
            return f"{self._folder} is not a private folder of this user"
        return ""

    def has(self, name: str) -> bool:
        """Return whether the lock was ever taken."""
        return self._file(name).exists()

    def take(self, name: str) -> int | None:
        """Return the descriptor that holds the lock until it is closed; None if it is held."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(self._file(name), flags, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.lock"
