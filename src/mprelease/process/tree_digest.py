"""The digest of a folder: the names, contents and links of all that it contains."""

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

_CHUNK = 2**20


def tree_digest(folder: Path, on_folder: Callable[[], None] = lambda: None) -> str:
    """Return the SHA-256 of all entries of a folder, without following symbolic links.

    Files with several hard links count by identity (inode, size, time of change of the content)
    instead of content: they are links into a store whose files never change, which the caller must
    name in its key. `on_folder` is called once per folder and may raise to abort.
    """
    digest = hashlib.sha256()
    for path, folders, files, descriptor in os.fwalk(folder):
        on_folder()
        folders.sort()
        digest.update(_line("folder", os.path.relpath(path, folder)))
        for name in sorted((*folders, *files)):
            digest.update(_entry(name, descriptor))
    return digest.hexdigest()


def _entry(name: str, folder: int) -> bytes:
    state = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISLNK(state.st_mode):
        return _line("link", name, os.readlink(name, dir_fd=folder))
    if stat.S_ISDIR(state.st_mode):
        return b""
    if not stat.S_ISREG(state.st_mode):
        return _line("other", name)
    if state.st_nlink > 1:
        return _line("kept", name, state.st_ino, state.st_size, state.st_mtime_ns)
    return _line("file", name, _content(name, folder))


def _content(name: str, folder: int) -> str:
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    digest = hashlib.sha256()
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _line(*parts: str | int) -> bytes:
    # No name holds a NUL, so no two lists of parts have the same bytes.
    return os.fsencode("\0".join(map(str, parts))) + b"\0\0"
