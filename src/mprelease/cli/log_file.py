"""The log file of all processes of one data folder."""

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
    """Write records into a file that many processes write, and rotate it once for all of them.

    The file is opened for each record, under a lock, so that nobody writes into one that another
    process has renamed. What steers terminals is left out: such a file is read on one.
    """

    def __init__(self, file: Path, *, largest: int, kept: int) -> None:
        """Take the file, at how many bytes it is rotated, and how many former ones stay."""
        super().__init__()
        self._file = file
        self._largest = largest
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            line = f"{sanitized(self.format(record), colours=False)}\n"
            with self._alone() as is_alone:
                if is_alone:
                    self._rotate_if_full()
                with self._file.open("a", encoding="utf-8", errors="replace") as stream:
                    stream.write(line)
        except Exception:  # noqa: BLE001 what logging itself does of its errors
            self.handleError(record)

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Keep other processes out; False where one of them does not go on: nobody waits for it."""
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        with self._file.with_suffix(".lock").open("w") as lock:
            is_alone = _is_locked(lock.fileno())
            while not is_alone and time.monotonic() < deadline:
                time.sleep(_BETWEEN_TRIES)
                is_alone = _is_locked(lock.fileno())
            yield is_alone

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


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
