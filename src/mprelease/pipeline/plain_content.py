"""Ensure that only plain files are published: no links, and no pointers of Git LFS."""

import os
from collections.abc import Iterator
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.process import plain_files
from mprelease.process.copying import Copier
from mprelease.process.tree import Stop

_MODULES = "node_modules"
# Limits of copies of link targets per release: a few links can expand to endless copies.
_MOST_ENTRIES = 20_000
_MOST_BYTES = 2**30


def replace_links(folder: Path, place: Path, stop: Stop, most: int = _MOST_ENTRIES) -> None:
    """Replace each link below a folder by a copy of its target.

    Links in node_modules are kept, because package managers create them, and also links to a parent
    folder of themselves. Targets outside of `place` are not copied. Raise
    StageFailed(LINKS_ENDLESS) for more than `most` entries or 1 GiB of copies.
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
    """Raise StageFailed(LARGE_FILES_MISSING) if a folder contains pointers of Git LFS."""
    found = [each for each in _entries(folder) if plain_files.large_file_pointer(each)]
    if found:
        path = str(min(found).relative_to(folder))
        raise StageFailed(Problem.LARGE_FILES_MISSING, path=path, count=len(found))


class TooManyEntries(Exception):
    """The copies would be too many, or too large."""


class BoundedCopies:
    """Copy files and folders of `place`, with links replaced by copies of their targets.

    Raise TooManyEntries for more than `most` entries, or more than 1 GiB, in total.
    """

    def __init__(self, place: Path, stop: Stop, most: int) -> None:
        """Set the folder whose content may be copied, and the limit."""
        self._most = most
        self._place = place
        self._stop = stop
        self._entries = 0
        self._bytes = 0
        self._copier = Copier()

    def copy(self, source: Path, target: Path, above: tuple[Path, ...]) -> None:
        """Copy a file or folder; `above` are the real paths of the folders being copied."""
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
        """Copy one entry of a folder, unless it is a broken link, or a link to one of `above`."""
        real = Path(os.path.realpath(entry))
        if entry.is_symlink() and not (real.is_relative_to(self._place) and real.exists()):
            return  # Broken, or outside of `place`.
        if any(folder.is_relative_to(real) for folder in above):
            return  # A cycle.
        self.copy(real, target, (*above, real))


def _entries(folder: Path) -> Iterator[Path]:
    """Yield files and links below a folder, except in node_modules."""
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != _MODULES]
        yield from (Path(here, name) for name in files)
        yield from (Path(here, name) for name in folders if Path(here, name).is_symlink())
