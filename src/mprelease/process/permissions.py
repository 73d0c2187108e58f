"""Make folders readable for programs under other user ids."""

import os
import stat
from pathlib import Path

_READ = 0o044
_READ_AND_ENTER = 0o055
_WRITE = 0o022


def let_others_read(folder: Path) -> None:
    """Make a folder readable, and not writable, for all users; symbolic links are skipped.

    Needed because mprelease's umask makes new files private.
    """
    _open(folder)
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            _open(Path(place, name))


def _open(path: Path) -> None:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return
    wanted = (mode | (_READ_AND_ENTER if mode & stat.S_IXUSR else _READ)) & ~_WRITE
    if wanted != mode:
        path.chmod(stat.S_IMODE(wanted))
