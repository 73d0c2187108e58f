"""Files that change hands between us and the user ids of confined commands; no link is followed."""

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
