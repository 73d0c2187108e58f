"""What is published holds plain files: no links, and no pointers of Git LFS."""

import os
from collections.abc import Iterator
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.process import plain_files
from mprelease.process.copying import Copier
from mprelease.process.tree import Stop

_MODULES = "node_modules"
# Of what links lead to, in one release: a few links can name each other's folders without end.
_MOST_ENTRIES = 20_000
_MOST_BYTES = 2**30


def replace_links(folder: Path, place: Path, stop: Stop, most: int = _MOST_ENTRIES) -> None:
    """Put in the place of each link below a folder a copy of what it leads to.

    Folders of npm packages keep theirs: package managers lay them so. One that leads to
    a folder around itself stays as it is. No link may lead out of `place`. Raise
    StageFailed(LINKS_ENDLESS) where the copies would be more than `most`, or too large.
    """
    copies = BoundedCopies(place, stop, most)
    for link in [each for each in _entries(folder) if each.is_symlink()]:
        target = Path(os.path.realpath(link))
        if target.is_relative_to(place) and target.exists() and not link.is_relative_to(target):
            link.unlink()
            try:
                copies.copy(target, link, (target,))
            except TooManyEntries:
                path = str(link.relative_to(folder))
                raise StageFailed(Problem.LINKS_ENDLESS, path=path) from None


def refuse_pointers(folder: Path) -> None:
    """Raise StageFailed(LARGE_FILES_MISSING) where pointers of Git LFS would be published."""
    found = [each for each in _entries(folder) if plain_files.large_file_pointer(each)]
    if found:
        path = str(min(found).relative_to(folder))
        raise StageFailed(Problem.LARGE_FILES_MISSING, path=path, count=len(found))


class TooManyEntries(Exception):
    """The copies would be too many, or too large."""


class BoundedCopies:
    """The copying of files and folders of `place`, with what links lead to in place of the links.

    At most `most` entries, and 1 GiB, may be copied together; beyond that TooManyEntries is raised.
    """

    def __init__(self, place: Path, stop: Stop, most: int) -> None:
        """Take the folder that no link may lead out of, and the limit."""
        self._most = most
        self._place = place
        self._stop = stop
        self._entries = 0
        self._bytes = 0
        self._copier = Copier()

    def copy(self, source: Path, target: Path, above: tuple[Path, ...]) -> None:
        """Copy a file or folder; `above` are the folders that the way here has gone through."""
        self._entries += 1
        self._bytes += source.lstat().st_size
        if self._entries > self._most or self._bytes > _MOST_BYTES:
            raise TooManyEntries
        if not source.is_dir():
            self._copier.copy_entry(source, target)
            return
        self._stop.raise_if_asked()
        self._copier.make_folder(target)
        for entry in sorted(source.iterdir()):
            self.copy_entry(entry, target / entry.name, above)

    def copy_entry(self, entry: Path, target: Path, above: tuple[Path, ...]) -> None:
        """Copy one entry of a folder, unless it leads nowhere, or to one of `above`."""
        real = Path(os.path.realpath(entry))
        if entry.is_symlink() and not (real.is_relative_to(self._place) and real.exists()):
            return  # It leads nowhere.
        if any(folder.is_relative_to(real) for folder in above):
            return  # Round in a circle.
        self.copy(real, target, (*above, real))


def _entries(folder: Path) -> Iterator[Path]:
    """Yield files and links below a folder; what packages are installed from is left out."""
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != _MODULES]
        yield from (Path(here, name) for name in files)
        yield from (Path(here, name) for name in folders if Path(here, name).is_symlink())
