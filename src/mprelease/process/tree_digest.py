"""The digest of a folder: the names, contents and links of all that it contains."""

import hashlib
import os
import stat
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 2**20
_LINKED = b"linked\0"


@dataclass(frozen=True)
class TreeDigest:
    """The SHA-256 of a folder, and whether it has files with several hard links.

    Such files count by identity (inode, size, time of change of the content) instead of content:
    they are links into a store whose files never change, which must be named beside the digest.
    """

    value: str
    has_linked_files: bool


def tree_digest(folder: Path, on_folder: Callable[[], None] = lambda: None) -> TreeDigest:
    """Return the digest of all entries of a folder, without following symbolic links.

    `on_folder` is called once per folder and may raise to abort.
    """
    digest, has_linked_files = hashlib.sha256(), False
    for path, folders, files, descriptor in os.fwalk(folder):
        on_folder()
        folders.sort()
        digest.update(_line("folder", os.path.relpath(path, folder)))
        for name in sorted((*folders, *files)):
            entry = _entry(name, descriptor)
            has_linked_files |= entry.startswith(_LINKED)
            digest.update(entry)
    return TreeDigest(digest.hexdigest(), has_linked_files)


def file_digests(folder: Path, left_out: Container[str] = ()) -> Mapping[str, str]:
    """Return the SHA-256 of each file below a folder, and of the target of each link, by its path.

    Folders with names in `left_out` are not entered, and links not followed.
    """
    found = {}
    for path, folders, files, descriptor in os.fwalk(folder):
        folders[:] = [name for name in folders if name not in left_out]
        for name in (*folders, *files):
            entry = _entry(name, descriptor)
            if entry:
                found[str(Path(path, name).relative_to(folder))] = hashlib.sha256(entry).hexdigest()
    return found


def tree_outline(folder: Path) -> str:
    """Return a digest of the names, sizes and links of a folder's entries, without their contents.

    It takes a fraction of the time of `tree_digest`, and notices what a crash of the machine
    leaves: files that are missing, empty or cut.
    """
    digest = hashlib.sha256()
    for path, folders, files, descriptor in os.fwalk(folder):
        folders.sort()
        digest.update(_line("folder", os.path.relpath(path, folder)))
        for name in sorted((*folders, *files)):
            state = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if stat.S_ISLNK(state.st_mode):
                digest.update(_line("link", name, os.readlink(name, dir_fd=descriptor)))
            elif not stat.S_ISDIR(state.st_mode):
                digest.update(_line("file", name, state.st_size))
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
        return _line("linked", name, state.st_ino, state.st_size, state.st_mtime_ns)
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
