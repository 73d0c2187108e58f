"""Search for the output of a build that is not at the expected path."""

import os
from collections.abc import Iterator
from pathlib import Path

from mprelease.packages.install_view import MODULES


def made_since(folder: Path, started: float) -> str | None:
    """Return the folder, relative to `folder`, of the newest mini program built since a time.

    `started` is in seconds since the epoch. None if there is none at most 4 levels deep.
    """
    made = {path: path.lstat().st_mtime for path in _mini_programs(folder)}
    # File systems round times down.
    new = [path for path, time in made.items() if time >= int(started)]
    newest = max(new, key=lambda path: made[path], default=None)
    return str(newest.parent.relative_to(folder)) if newest else None


_DEEPEST = 4
_MAIN_FILES = ("app.json", "game.json")


def _mini_programs(folder: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(folder):
        depth = len(Path(here).relative_to(folder).parts)
        entered = [name for name in folders if not name.startswith(".") and name != MODULES]
        folders[:] = entered if depth < _DEEPEST else []
        yield from (Path(here, name) for name in _MAIN_FILES if name in files)
