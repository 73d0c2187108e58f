"""The lock of the data folder: only the process that holds it runs releases."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from mprelease.workspace.layout import Layout


@contextmanager
def owning(layout: Layout) -> Iterator[bool]:
    """Lock the data folder during the block; yield False if another process holds the lock."""
    with layout.owner_lock.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        layout.clear_leftovers()
        yield True


def folder_id(layout: Layout) -> str:
    """Return a random id of this data folder, which is created on first use."""
    file = layout.data / "folder.id"
    if not file.exists():
        half = file.with_suffix(f".{os.getpid()}")
        half.write_text(secrets.token_hex(3))
        half.rename(file)
    return file.read_text().strip()
