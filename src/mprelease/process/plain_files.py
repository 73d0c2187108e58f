"""Read and write files in folders that a build may have written, without following links."""

import errno
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

LARGEST = 64 * 2**20
"""Size in bytes above which a file is ignored."""
LARGEST_TEXT = 2**20
"""Default size in bytes above which a text is not read: its author may want to exhaust the memory,
or to block the worker's threads while it is parsed."""
_BEGINNING = 64 * 1024

# As git-lfs writes them: version, object id, size.
_POINTER = re.compile(
    r"version https://git-lfs\.github\.com/spec/v1\n(?:ext-.*\n)*"
    r"oid sha256:([0-9a-f]{64})\nsize \d+\n"
)
_POINTER_SIZES = range(100, 1024)  # bytes


def is_plain_file(path: Path) -> bool:
    """Return whether a path is a regular file of at most LARGEST bytes, and no symbolic link."""
    try:
        return _is_plain(path.lstat())
    except OSError:
        return False


def text(
    path: Path,
    *,
    encoding: str = "utf-8-sig",
    errors: str = "replace",
    most: int = LARGEST_TEXT,
) -> str | None:
    """Return the content of a regular file of at most `most` bytes; None if there is none."""
    return _opened(path, encoding, errors, most, most)


def beginning(path: Path) -> str:
    """Return the first 65,536 characters of a regular file; empty if there is none."""
    return _opened(path, "utf-8-sig", "replace", LARGEST, _BEGINNING) or ""


def _opened(path: Path, encoding: str, errors: str, most: int, read: int) -> str | None:
    try:
        # O_NONBLOCK: opening a pipe would block until another process writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, encoding=encoding, errors=errors) as stream:
            return stream.read(read) if _is_plain(os.fstat(descriptor), most) else None
    except OSError:
        return None


def opened(path: Path) -> BinaryIO:
    """Open a regular file for reading; raise OSError for a link and anything else."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    stream = os.fdopen(descriptor, "rb")
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return stream
    stream.close()
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def large_file_pointer(path: Path) -> str | None:
    """Return the object id in a pointer file of Git LFS; None for other files."""
    try:
        size = path.lstat().st_size
    except OSError:
        return None
    match = _POINTER.fullmatch(text(path) or "") if size in _POINTER_SIZES else None
    return match[1] if match else None


def write_private(path: Path, content: str) -> None:
    """Write a new file of mode 0600, in place of any existing entry."""
    # An earlier build may have left a symbolic link here, which must not be followed.
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(content)


def _is_plain(state: os.stat_result, most: int = LARGEST) -> bool:
    return stat.S_ISREG(state.st_mode) and state.st_size <= most
