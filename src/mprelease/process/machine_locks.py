"""Locks that all our processes of one machine see; each ends with the process that holds it."""

import fcntl
import os
import stat
from pathlib import Path


class MachineLocks:
    """Locks in a folder that belongs to us alone."""

    def __init__(self, folder: Path) -> None:
        """Take the folder, which is made when it is needed."""
        self._folder = folder

    def why_unusable(self) -> str:
        """Make the folder; say why it cannot be used, nothing if it can."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self._folder.lstat()
        except OSError as error:
            return f"{self._folder}: {error.strerror}"
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            return f"{self._folder} is not a folder of ours alone"
        return ""

    def has(self, name: str) -> bool:
        """Tell whether anybody has ever asked for the lock."""
        return self._file(name).exists()

    def take(self, name: str) -> int | None:
        """Return the descriptor whose closing gives the lock back; None if somebody holds it."""
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
