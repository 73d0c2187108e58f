"""Find the installed packages that a mini program's package.json needs.

Projects install hundreds of packages for development. A vendor's tool that packs npm packages packs
only those in `dependencies`, and what these depend on, but searches everything that it finds.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from mprelease.packages import manifests
from mprelease.process.tree import Stop
from mprelease.workspace.dependency_sets import MODULES, DependencySet

_MANIFEST = "package.json"
_MOST = 20_000  # packages


def declared_packages(
    dependencies: DependencySet, place: Path, folders: Sequence[str], stop: Stop
) -> Mapping[str, Sequence[str]] | None:
    """Return the packages of a set that some folders of a tree need, by folder of the set.

    `place` is a copy of the tree, without the set. Names are resolved as Node does, transitively;
    packages that are installed under another name count as needed. Return None if a link is among
    what is to be resolved, as in pnpm's layout, or if there are too many: then no part will do.
    """
    needs = _Needs(dependencies, place, stop)
    try:
        for folder in folders:
            needs.add(Path(os.path.normpath(folder)))
    except _UnknownLayout:
        return None
    return needs.found


class _UnknownLayout(Exception):
    """What is needed can only be resolved in the complete tree."""


@dataclass
class _Needs:
    """The needed packages; all paths are relative to the tree."""

    dependencies: DependencySet
    place: Path
    stop: Stop
    found: dict[str, list[str]] = field(init=False)
    _seen: set[Path] = field(default_factory=set)
    _committed: dict[Path, "_Installed"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.found = {name: [] for name in self.dependencies.modules}

    def add(self, folder: Path) -> None:
        ahead = [folder]
        while ahead:
            self.stop.raise_if_asked()
            for package in self._needed(ahead.pop()):
                if package not in self._seen:
                    self._seen.add(package)
                    self._keep(package)
                    ahead.append(package)
            if len(self._seen) > _MOST:
                raise _UnknownLayout

    def _keep(self, package: Path) -> None:
        if modules := self._modules_of(package):
            self.found[modules].append(str(package.relative_to(modules)))

    def _needed(self, package: Path) -> Iterator[Path]:
        manifest = manifests.parsed(self._real(package) / _MANIFEST)
        missing = set(filter(manifests.is_path, manifests.section(manifest, "dependencies")))
        for folder in (package, *package.parents):
            if missing and folder.name != MODULES:
                modules = folder / MODULES
                installed = self._installed(modules)
                there = missing & installed.names
                yield from (modules / each for each in sorted({*there, *installed.misnamed}))
                # The tool goes by the name in package.json, and would look further.
                missing -= there.difference(installed.misnamed)

    def _installed(self, modules: Path) -> "_Installed":
        folder = self._real(modules)
        if self._modules_of(modules):
            return _installed_in(self.dependencies.identity, folder)
        if folder not in self._committed:
            self._committed[folder] = _found_in(folder)
        return self._committed[folder]

    def _real(self, path: Path) -> Path:
        """Return where a path of the tree is: in the set, or in the copy without it."""
        modules = self._modules_of(path)
        if modules is None:
            return self.place / path
        number = self.dependencies.modules.index(modules)
        return self.dependencies.modules_at(number) / path.relative_to(modules)

    def _modules_of(self, path: Path) -> str | None:
        """Return the folder of the set that a path is in; None if it is in none."""
        above = (str(each) for each in (path, *path.parents))
        return next((each for each in above if each in self.found), None)


@dataclass(frozen=True)
class _Installed:
    """The packages in a node_modules folder: names of folders, and those with another name."""

    names: frozenset[str]
    misnamed: tuple[str, ...]


@lru_cache(maxsize=256)
def _installed_in(_identity: tuple[str, int, int], folder: Path) -> _Installed:
    """Return what is in a folder of a set, which never changes."""
    return _found_in(folder)


def _found_in(folder: Path) -> _Installed:
    if not os.path.lexists(folder):
        return _Installed(frozenset(), ())
    names = frozenset(_packages_in(folder))
    misnamed = (
        name
        for name in sorted(names)
        if manifests.parsed(folder / name / _MANIFEST).get("name") != name
    )
    return _Installed(names, tuple(misnamed))


def _packages_in(folder: Path) -> Iterator[str]:
    for entry in _folders_in(folder):
        if entry.startswith("@"):
            yield from (f"{entry}/{each}" for each in _folders_in(folder / entry))
        elif not entry.startswith("."):
            yield entry


def _folders_in(folder: Path) -> Iterator[str]:
    """Yield the names of a folder's folders; raise _UnknownLayout for a link."""
    if folder.is_symlink() or not folder.is_dir():
        raise _UnknownLayout
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                raise _UnknownLayout
            if entry.is_dir(follow_symlinks=False):
                yield entry.name
