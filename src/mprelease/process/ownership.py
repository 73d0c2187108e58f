"""Files that change hands between us and the user ids of confined commands; no link is followed."""

import errno
import os
import stat
from collections.abc import Collection
from pathlib import Path

_MODE_OF_SHARED_FOLDER = 0o1775


def chown_tree(folder: Path, user: int, *, ours: Collection[Path] = ()) -> bool:
    """Give a folder with all it holds to a user id; tell whether anything had to change.

    What `ours` names stays with us, and so does a file with a second name: git objects are hard
    links into the mirror, whose owner could write to them. A folder that holds one of `ours` stays
    ours too, and others may write into it: its owner could rename what lies in it.
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
    """Keep a folder ours, and let a user id write into it; it may remove only what is its own."""
    os.chown(folder, os.getuid(), user)
    os.chmod(folder, _MODE_OF_SHARED_FOLDER)  # noqa: PTH101 (it may be an open folder)


def close_tree(folder: Path) -> None:
    """Let nobody but its owner, and us, change what a folder holds, at any depth.

    For when the owner's processes have ended: one of them may have opened a folder to everybody,
    and handed it to a build of somebody else through a socket. That one could put links into our
    way whatever we do there. Raises OSError(ENAMETOOLONG) for what lies too deep.
    """
    if folder.is_dir() and not folder.is_symlink():
        _close(os.open(folder, _FOLDER), 0)


def _close(folder: int, depth: int) -> None:
    try:
        if depth > _DEEPEST:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        found = os.fstat(folder)
        is_ours = found.st_uid == os.getuid()
        # Before the names are read: from here on there are no others. What is ours and shared is
        # shared with its owner alone.
        if not is_ours and found.st_mode & _OTHERS:
            os.fchmod(folder, stat.S_IMODE(found.st_mode) & ~_OTHERS)
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        for name in names:
            # What lies in a sealed folder is sealed, but for the caches at its top.
            if is_ours and not found.st_mode & _OTHERS and _is_ours(name, folder):
                continue
            _close(os.open(name, _FOLDER, dir_fd=folder), depth + 1)
    finally:
        os.close(folder)


def _is_ours(name: str, folder: int) -> bool:
    return os.stat(name, dir_fd=folder, follow_symlinks=False).st_uid == os.getuid()


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# The group, too: it is the mask of an access list.
_OTHERS = 0o022
# As many folders are open at once; a path of the system has 4,096 characters at most.
_DEEPEST = 800


def chown(path: Path, user: int) -> None:
    """Give one file or folder to a user id, if it is not a link to somewhere else."""
    os.chown(path, user, user, follow_symlinks=False)


def share_way(folder: Path, user: int) -> None:
    """Let a user id, and nobody else but us, pass through a folder of ours, not list it."""
    os.chown(folder, os.getuid(), user)
    folder.chmod(0o710)


def close_way(folder: Path) -> None:
    """Let nobody but us pass through a folder any more: the same id builds elsewhere next."""
    folder.chmod(0o700)


def closed_way(folder: Path) -> str:
    """Say which folder other users may not pass on the way to this one; nothing if none."""
    for parent in folder.resolve().parents:
        if not parent.stat().st_mode & stat.S_IXOTH:
            return f"nobody but its owner may pass through {parent}"
    return ""


def _give(name: str, descriptor: int, user: int) -> bool:
    found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    # A folder is given when it is walked through.
    if stat.S_ISDIR(found.st_mode) or found.st_nlink > 1 or found.st_uid == user:
        return False
    os.chown(name, user, user, dir_fd=descriptor, follow_symlinks=False)
    return True
