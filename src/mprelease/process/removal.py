"""Remove what a confined command has made, whatever it did to the permissions."""

import os
import shutil
from pathlib import Path


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all it holds, even without permission to enter it.

    Nothing there is no mistake; raise OSError if something cannot be removed.
    """
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(path)
    except PermissionError:
        _open(path)
        shutil.rmtree(path)


def _open(folder: Path) -> None:
    folder.chmod(0o700)
    with os.scandir(folder) as found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                _open(Path(entry.path))
