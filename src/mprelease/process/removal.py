"""Remove files of confined commands, regardless of their permissions and depth."""

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder, even if its mode denies access.

    A missing path is ignored; raise OSError if something cannot be removed.
    """
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    # Fast, but fails on folders without permissions and on deep ones.
    with suppress(OSError, RecursionError):
        shutil.rmtree(path)
        return
    path.chmod(0o700)
    with opened_folder(path) as folder:
        empty(folder)
    path.rmdir()


def empty(folder: int) -> None:
    """Remove the content of an open folder, with a constant number of open files.

    The content of inner folders is moved up, so any depth is possible. Links are not followed.
    """
    # A random prefix cannot collide with existing names.
    prefix = f".{secrets.token_hex(16)}"
    fresh = (f"{prefix}-{number}" for number in count())
    while names := names_in(folder):
        for name in names:
            if _is_folder(name, folder):
                with _entered(name, folder) as inner:
                    for each in names_in(inner):
                        _make_movable(each, inner)
                        os.rename(each, next(fresh), src_dir_fd=inner, dst_dir_fd=folder)
                os.rmdir(name, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)


def names_in(folder: int) -> list[str]:
    """Return the names in an open folder."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


@contextmanager
def opened_folder(path: str | Path, folder: int | None = None) -> Iterator[int]:
    """Open a folder during the block, not following a link; `path` may be relative to `folder`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _entered(name: str, folder: int) -> Iterator[int]:
    """Open a folder of our own even if its mode denies access."""
    _open_up(name, folder)
    with opened_folder(name, folder) as descriptor:
        yield descriptor


def _make_movable(name: str, folder: int) -> None:
    # Moving a folder requires write access to it, because its `..` entry changes.
    if _is_folder(name, folder):
        _open_up(name, folder)


def _open_up(name: str, folder: int) -> None:
    # Root needs no permission; and root could change the mode of a link's target.
    if os.geteuid() != 0:
        os.chmod(name, 0o700, dir_fd=folder)


def _is_folder(name: str, folder: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def put_in_place(folder: Path, place: Path) -> None:
    """Rename a folder to `place`, instead of one that may be there.

    Whenever the process is killed, the one or the other is there, or none, but no part of one.
    """
    former = place.with_name(f".former-{secrets.token_hex(4)}")
    with suppress(FileNotFoundError):
        place.rename(former)
    folder.rename(place)
    remove(former)
