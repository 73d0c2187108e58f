"""One data folder, one owner: whoever runs releases holds a lock on it."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from mprelease.workspace.layout import Layout


@contextmanager
def owning(layout: Layout) -> Iterator[bool]:
    """Own the data folder during the block, if nobody else does; the lock ends with the process."""
    with layout.owner_lock.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        layout.clear_leftovers()
        yield True


def folder_id(layout: Layout) -> str:
    """Return what tells this data folder from all others; made up once, then kept in it."""
    file = layout.data / "folder.id"
    if not file.exists():
        half = file.with_suffix(f".{os.getpid()}")
        half.write_text(secrets.token_hex(3))
        half.rename(file)
    return file.read_text().strip()
