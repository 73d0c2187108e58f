"""One data folder, one owner: whoever runs releases holds a lock on it."""

import fcntl
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
        layout.clear_scratch()
        yield True
