"""npm packages where the platforms' tools look for them: beside the package.json that names them.

Package managers keep them elsewhere, too: in a workspace above the app, or (pnpm) in a folder of
their own that links lead to. Node finds them there; the tools see what lies in `node_modules`
beside the package.json, and not what a package behind a link needs itself.
"""

import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.packages import manifests
from mprelease.pipeline.plain_content import BoundedCopies, TooManyEntries
from mprelease.process.tree import Stop

_MODULES = "node_modules"
_MANIFEST = "package.json"
_MOST_ENTRIES = 200_000
_DEEPEST = 60  # folders: packages that need each other in other versions have no end
_NAME = re.compile(r"(?:@[\w~-][\w.~-]*/)?[\w~-][\w.~-]*", re.ASCII)

_Needs = Mapping[Path, Mapping[str, Path]]


def bring_near(folder: Path, place: Path, stop: Stop, most: int = _MOST_ENTRIES) -> None:
    """Complete `folder`/node_modules with copies of the packages that its package.json needs.

    They are found as Node finds them, theirs included, and only in `place`, around the folder;
    each that is not to be found by plain folders alone is copied, where another version is in the
    way into the package that needs it. Whatever is complete stays as it is. Raise
    StageFailed(PACKAGES_ENDLESS) where that would be more than `most` files and folders, or 1 GiB.
    """
    folder, place = Path(os.path.realpath(folder)), Path(os.path.realpath(place))
    try:
        needs = _needs(folder, place, stop, most)
        _Layout(folder, needs, BoundedCopies(place, stop, most)).complete()
    except TooManyEntries:
        path = str(folder.relative_to(place) / _MANIFEST)
        raise StageFailed(Problem.PACKAGES_ENDLESS, path=path) from None


def _needs(folder: Path, place: Path, stop: Stop, most: int) -> _Needs:
    """Return which packages a folder needs, and those in turn, each by where it lies really."""
    found: dict[Path, Mapping[str, Path]] = {}
    ahead, looked_for = [folder], 0
    while ahead:
        package = ahead.pop()
        if package in found:
            continue
        stop.raise_if_asked()
        names = manifests.section(manifests.parsed(package / _MANIFEST), "dependencies")
        looked_for += len(names)
        if looked_for > most:
            raise TooManyEntries
        found[package] = dict(_installed(sorted(names), package, place))
        ahead += found[package].values()
    return found


def _installed(names: Iterable[str], package: Path, place: Path) -> Iterator[tuple[str, Path]]:
    """Yield where some packages lie that a package needs; some may not be there."""
    folders = [
        each / _MODULES
        for each in (package, *package.parents)
        if each.is_relative_to(place) and each.name != _MODULES
    ]
    for name in names:
        # A name is a path here, and could lead anywhere.
        if not _NAME.fullmatch(name):
            continue
        there = next((each / name for each in folders if (each / name).is_dir()), None)
        real = Path(os.path.realpath(there)) if there else None
        if real and real.is_relative_to(place):
            yield name, real


class _Layout:
    """The `node_modules` of a folder, while it is completed."""

    def __init__(self, folder: Path, needs: _Needs, copies: BoundedCopies) -> None:
        self._folder = folder
        self._needs = needs
        self._copies = copies
        self._origins: dict[Path, Path] = {}  # of each copy: what it is a copy of

    def complete(self) -> None:
        # Those that the folder itself needs come first: they have the first right to its top.
        ahead = deque([(self._folder, self._folder)])
        seen: set[Path] = set()
        while ahead:
            package, origin = ahead.popleft()
            if package in seen:
                continue
            seen.add(package)
            for name, needed in self._needs[origin].items():
                if there := self._provided(name, needed, package):
                    ahead.append((there, needed))

    def _provided(self, name: str, needed: Path, package: Path) -> Path | None:
        """Return the plain folder in which a package finds another one, made if there is none."""
        there = self._found(name, package)
        if there is None:
            return self._laid(self._folder / _MODULES / name, needed)
        if self._origin(there) == needed:
            return there if _is_plain(there) else self._laid(there, needed)
        return self._laid(package / _MODULES / name, needed)

    def _found(self, name: str, package: Path) -> Path | None:
        for folder in (package, *package.parents):
            there = folder / _MODULES / name
            if folder.name != _MODULES and os.path.lexists(there):
                return there
            if folder == self._folder:
                break
        return None

    def _origin(self, there: Path) -> Path:
        real = Path(os.path.realpath(there))
        return self._origins.get(real, real)

    def _laid(self, spot: Path, needed: Path) -> Path | None:
        """Copy a package to a spot, which may be a link; None where that cannot be."""
        if spot.is_relative_to(needed) or not _is_plain(spot.parent):
            return None
        if len(spot.relative_to(self._folder).parts) > _DEEPEST:
            raise TooManyEntries
        if spot.is_symlink():
            spot.unlink()
        elif os.path.lexists(spot):
            return None
        spot.mkdir(parents=True)
        for entry in sorted(needed.iterdir()):
            if entry.name != _MODULES:
                self._copies.copy_entry(entry, spot / entry.name, (needed,))
        self._origins[spot] = needed
        return spot


def _is_plain(path: Path) -> bool:
    """Tell whether a path is that of a folder, or of one to be made, through no link or file."""
    if os.path.realpath(path) != str(path):
        return False
    there = next(each for each in (path, *path.parents) if os.path.lexists(each))
    return there.is_dir()
