"""Locks of repositories: shared while a release uses the folders of one, exclusive for removal."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def shared(file: Path) -> Iterator[None]:
    """Hold the lock shared during the block; wait while another holder has it exclusively."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.open("w") as stream:
        # Others hold it exclusively only while they rename a folder.
        fcntl.flock(stream, fcntl.LOCK_SH)
        yield


@contextmanager
def exclusive(file: Path) -> Iterator[bool]:
    """Hold the lock exclusively during the block; yield False if there is another holder."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
