"""A log file that all processes of one data folder share."""

import fcntl
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mprelease.cli.terminal import sanitized

_TIMEOUT_SECONDS = 1.0
_BETWEEN_TRIES = 0.01


class SharedLogFile(logging.Handler):
    """Append records to a file that several processes write, and rotate it.

    The file is opened for each record, under a lock, so that no process writes to a file that
    another one has renamed. Terminal control sequences are removed.
    """

    def __init__(self, file: Path, *, largest: int, kept: int) -> None:
        """Take the file, the size in bytes at which to rotate, and how many old files to keep."""
        super().__init__()
        self._file = file
        self._largest = largest
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        """Append one record; without it if the file cannot be written."""
        try:
            self.append(f"{sanitized(self.format(record), colours=False)}\n")
        except OSError:
            pass  # The disk is full, for example: the command goes on.
        except Exception:  # noqa: BLE001 as handlers of logging do
            self.handleError(record)

    def append(self, text: str) -> None:
        """Append a text as a whole; raise OSError."""
        with self._locked() as has_lock:
            if has_lock:
                self._rotate_if_full()
            with self._file.open("a", encoding="utf-8", errors="replace") as stream:
                stream.write(text)

    @contextmanager
    def _locked(self) -> Iterator[bool]:
        """Hold the lock; yield False if another process holds it for more than 1 s."""
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        with self._file.with_suffix(".lock").open("w") as lock:
            has_lock = _try_lock(lock.fileno())
            while not has_lock and time.monotonic() < deadline:
                time.sleep(_BETWEEN_TRIES)
                has_lock = _try_lock(lock.fileno())
            yield has_lock

    def _rotate_if_full(self) -> None:
        with suppress(FileNotFoundError):
            if self._file.stat().st_size < self._largest:
                return
        for number in range(self._kept, 1, -1):
            with suppress(FileNotFoundError):
                self._former(number - 1).rename(self._former(number))
        with suppress(FileNotFoundError):
            self._file.rename(self._former(1))

    def _former(self, number: int) -> Path:
        return self._file.with_name(f"{self._file.name}.{number}")


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
