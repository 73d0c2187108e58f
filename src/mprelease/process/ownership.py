"""Change the owner and mode of files for confined commands, without following links."""

import errno
import os
import stat
from collections.abc import Collection
from pathlib import Path

_MODE_OF_SHARED_FOLDER = 0o1775


def chown_tree(folder: Path, user: int, *, ours: Collection[Path] = ()) -> bool:
    """Change the owner of a folder and of all it contains; return whether anything changed.

    The paths in `ours` keep their owner, and so do files with several hard links: git objects are
    links into the mirror, and their owner could write to them. A folder with one of `ours` in it
    keeps its owner too, because the owner of a folder can rename its entries; it becomes writable
    for `user`.
    """
    changed = False
    for path, folders, files, descriptor in os.fwalk(folder):
        here = Path(path)
        kept = {each.name for each in ours if each.parent == here}
        folders[:] = [name for name in folders if name not in kept]
        for name in {*folders, *files} - kept:
            changed |= _give(name, descriptor, user)
        if kept or any(here in each.parents for each in ours):
            share_folder(descriptor, user)
        elif os.fstat(descriptor).st_uid != user:
            os.fchown(descriptor, user, user)
            changed = True
    return changed


def share_folder(folder: Path | int, user: int) -> None:
    """Make a folder writable for a user id by its group, with the sticky bit; the owner is ours."""
    os.chown(folder, os.getuid(), user)
    os.chmod(folder, _MODE_OF_SHARED_FOLDER)  # noqa: PTH101 (it may be an open folder)


def remove_write_access(folder: Path) -> None:
    """Remove write access for group and others from a user's folders, at any depth.

    Call it after the owner's processes have ended: one of them may have made a folder writable and
    passed it to another build through a socket, which could place links in it at any time later.
    Raise OSError(ENAMETOOLONG) for folders that are nested too deeply.
    """
    if folder.is_dir() and not folder.is_symlink():
        _remove_write_access(os.open(folder, _FOLDER), 0)


def _remove_write_access(folder: int, depth: int) -> None:
    try:
        if depth > _DEEPEST:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        state = os.fstat(folder)
        is_ours = state.st_uid == os.getuid()
        # Before the names are read: no entry can be added afterwards. A shared folder of ours is
        # writable for its one user only.
        if not is_ours and state.st_mode & _OTHERS:
            os.fchmod(folder, stat.S_IMODE(state.st_mode) & ~_OTHERS)
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        for name in names:
            # The content of a sealed folder is sealed, except for the caches at its top level.
            if is_ours and not state.st_mode & _OTHERS and _is_ours(name, folder):
                continue
            _remove_write_access(os.open(name, _FOLDER, dir_fd=folder), depth + 1)
    finally:
        os.close(folder)


def _is_ours(name: str, folder: int) -> bool:
    return os.stat(name, dir_fd=folder, follow_symlinks=False).st_uid == os.getuid()


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# The group too: with an access control list its bits are the mask.
_OTHERS = 0o022
# Levels, of which each keeps a folder open; paths of the system are limited to 4,096 characters.
_DEEPEST = 800


def chown(path: Path, user: int) -> None:
    """Change owner and group of one path, without following a link."""
    os.chown(path, user, user, follow_symlinks=False)


def allow_traversal(folder: Path, user: int) -> None:
    """Let a user id pass through a folder of ours without listing it; no other user may."""
    os.chown(folder, os.getuid(), user)
    folder.chmod(0o710)


def deny_traversal(folder: Path) -> None:
    """Make a folder private again: the same user id may build another repository next."""
    folder.chmod(0o700)


def why_unreachable(folder: Path) -> str:
    """Return which parent folder other users cannot pass through; empty if they can."""
    for parent in folder.resolve().parents:
        if not parent.stat().st_mode & stat.S_IXOTH:
            return f"other users cannot pass through {parent}"
    return ""


def _give(name: str, descriptor: int, user: int) -> bool:
    state = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    # The owner of a folder is changed when the walk reaches it.
    if stat.S_ISDIR(state.st_mode) or state.st_nlink > 1 or state.st_uid == user:
        return False
    os.chown(name, user, user, dir_fd=descriptor, follow_symlinks=False)
    return True
