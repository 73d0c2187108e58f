"""Files that a build may have made: read and written without trusting what lies there."""

import os
import re
import stat
from pathlib import Path

LARGEST = 64 * 2**20
"""Bytes beyond which a file is not looked at."""
LARGEST_TEXT = 2**20
"""Bytes of a text beyond which it is not read, unless somebody expects longer ones: whoever wrote
it may want to fill our memory, or to hold all our threads up while it is parsed."""
_BEGINNING = 64 * 1024

# As git-lfs writes them: version, object id, size.
_POINTER = re.compile(
    r"version https://git-lfs\.github\.com/spec/v1\n(?:ext-.*\n)*"
    r"oid sha256:([0-9a-f]{64})\nsize \d+\n"
)
_POINTER_SIZES = range(100, 1024)  # bytes


def is_plain_file(path: Path) -> bool:
    """Tell whether a file may be read: no link, so that a repository cannot name one of ours."""
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
    """Return the content of a plain file of at most `most` bytes; None where there is none."""
    return _opened(path, encoding, errors, most, most)


def beginning(path: Path) -> str:
    """Return the first 65,536 characters of a plain file; nothing where there is none."""
    return _opened(path, "utf-8-sig", "replace", LARGEST, _BEGINNING) or ""


def _opened(path: Path, encoding: str, errors: str, most: int, read: int) -> str | None:
    try:
        # Without O_NONBLOCK a pipe would hold us up here for as long as nobody writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, encoding=encoding, errors=errors) as stream:
            return stream.read(read) if _is_plain(os.fstat(descriptor), most) else None
    except OSError:
        return None


def large_file_pointer(path: Path) -> str | None:
    """Return the id of the object that a pointer of Git LFS stands for; None for other files."""
    try:
        size = path.lstat().st_size
    except OSError:
        return None
    found = _POINTER.fullmatch(text(path) or "") if size in _POINTER_SIZES else None
    return found[1] if found else None


def write_private(path: Path, content: str) -> None:
    """Replace whatever lies there by a new file that only we may read."""
    # An earlier build may have left a link here: it must not lead our pen elsewhere.
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(content)


def _is_plain(found: os.stat_result, most: int = LARGEST) -> bool:
    return stat.S_ISREG(found.st_mode) and found.st_size <= most
