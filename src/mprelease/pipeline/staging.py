"""Copy the build's output into the folder of the vendor's tool.

The output is untrusted: no link is followed while copying, and no link in the copy may lead out of
it.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mprelease.pipeline.declared_packages import declared_packages
from mprelease.pipeline.node_modules_layout import complete_modules
from mprelease.pipeline.plain_content import replace_links
from mprelease.pipeline.symlinks import (
    leads_outside,
    names_a_program,
    refuse_links_outside,
    remove_useless_links,
)
from mprelease.process.copying import Copier
from mprelease.process.tree import Stop
from mprelease.workspace.dependency_sets import MODULES, DependencySet, make_parents

_GIT = ".git"
_PROJECT = "project"
# The target, in the copy, of a link out of the tree: a path that does not and cannot exist.
_OUTSIDE = "/proc/mprelease: outside"


@dataclass(frozen=True)
class Staging:
    """What is to be copied.

    `built` is a folder in `tree`, which the build's commands have seen at `shown`; its folders
    `roots` are published. `packed` are the folders, relative to `built`, with a package.json next
    to which the tool looks for npm packages; `dependencies` are copied only if there is such a
    folder, or if a link leads to them. With `only_declared` the tool uses no packages but those
    that these package.json files need, if no link leads to others. At most `most` bytes may be
    copied.
    """

    built: Path
    roots: Sequence[Path]
    tree: Path
    shown: Path
    dependencies: DependencySet | None
    packed: Sequence[str]
    most: int | None = None
    only_declared: bool = False


@dataclass(frozen=True)
class Snapshot:
    """A copy for publishing: the path of the build's output in it.

    It `is_complete` if that output needs neither other files of the tree nor dependencies.
    """

    output: str
    is_complete: bool


def snapshot(staging: Staging, place: Path, stop: Stop) -> Snapshot:
    """Copy the build's output to `place`, or the whole tree if publishing needs more of it.

    Links lead to the same entries of the copy; the dependency set is not copied. Raise CopyTooLarge
    beyond `most`.
    """
    built, tree = staging.built.resolve(), staging.tree.resolve()
    left_out, links = _left_out(staging), _Links(tree, staging.shown)
    copier = Copier(on_folder=stop.raise_if_asked, link_text=links.text, most=staging.most)
    if not staging.packed and _is_complete(staging, stop):
        copier.copy(built, place, left_out)
        return Snapshot(".", is_complete=True)
    copier.copy(tree, place, left_out)
    return Snapshot(str(built.relative_to(tree)), is_complete=False)


def staged(staging: Staging, scratch: Path, stop: Stop) -> Path:
    """Copy the build's output into `scratch`; return the copy of `built`.

    If the tool needs dependencies, or a link leads to another part of the tree, the whole tree is
    copied, and the files of the dependencies are hard-linked into the copy: the worker's user owns
    them, so the tool cannot change them. Links in what is published are replaced by copies of
    their targets, because not every tool follows links. Raise StageFailed(LINK_LEADS_OUTSIDE) for
    a link out of the tree in, or reachable from, what is published or packed, and StageFailed with
    LINKS_ENDLESS or PACKAGES_ENDLESS. Raise CopyTooLarge beyond `most`.
    """
    place = scratch / _PROJECT
    copied = snapshot(staging, place, stop)
    if copied.is_complete:
        remove_useless_links(place, stop.raise_if_asked)
        replace_links(place, place, stop)
        return place
    if staging.dependencies:
        needed = _needed(staging, staging.dependencies, place / copied.output, place, stop)
        _link_modules(staging.dependencies, needed, place, stop)
    built = place / copied.output
    roots = [built / root for root in _roots(staging)]
    for folder in (*roots, *(place / name for name in _modules(staging))):
        refuse_links_outside(folder, place, on_link=stop.raise_if_asked)
    # The tool reads any path in a project's configuration: no link may lead out of the copy.
    remove_useless_links(place, stop.raise_if_asked)
    for name in staging.packed:
        complete_modules(built / name, place, stop)
    for root in roots:
        replace_links(root, place, stop)
    return built


@dataclass(frozen=True)
class _Links:
    """Rewrite the links of a tree so that they lead to the same entries in a copy of it."""

    tree: Path
    shown: Path

    def text(self, text: str, link: Path) -> str:
        target = self.target(text, link)
        if target.is_relative_to(self.tree):
            return os.path.relpath(target, link.parent) if Path(text).is_absolute() else text
        if names_a_program(target):
            return os.path.realpath(target)
        return _OUTSIDE

    def target(self, text: str, link: Path) -> Path:
        """Return a link's target in the tree, without resolving further links."""
        path = Path(os.path.normpath(link.parent / text))
        for seen in (self.shown, self.tree):
            if path.is_relative_to(seen):
                return self.tree / path.relative_to(seen)
        return path


def _roots(staging: Staging) -> Sequence[Path]:
    return [root.relative_to(staging.built) for root in staging.roots]


def _modules(staging: Staging) -> Sequence[str]:
    return staging.dependencies.modules if staging.dependencies else ()


def _left_out(staging: Staging) -> set[Path]:
    tree = staging.tree.resolve()
    return {tree / _GIT, *(tree / name for name in _modules(staging))}


def _is_complete(staging: Staging, stop: Stop) -> bool:
    """Return whether the targets of all links in the output are copied with it."""
    built, left_out = staging.built.resolve(), _left_out(staging)
    links = _Links(staging.tree.resolve(), staging.shown)
    for folder, folders, files in os.walk(built):
        stop.raise_if_asked()
        folders[:] = [name for name in folders if Path(folder, name) not in left_out]
        for link in (Path(folder, name) for name in (*folders, *files)):
            if link.is_symlink() and not _stays(
                links.target(str(link.readlink()), link), built, left_out
            ):
                return False
    return True


def _stays(target: Path, built: Path, left_out: set[Path]) -> bool:
    # Neither the unresolved nor the resolved target may be outside of what is copied.
    return all(
        path.is_relative_to(built) and not any(path.is_relative_to(each) for each in left_out)
        for path in (target, Path(os.path.realpath(target)))
    )


def _needed(
    staging: Staging, dependencies: DependencySet, built: Path, place: Path, stop: Stop
) -> Mapping[str, Sequence[str]] | None:
    """Return the packages that are enough for the tool, by folder of the set; None for all."""
    if not (staging.only_declared and _is_complete(staging, stop)):
        return None
    folders = [str((built / name).relative_to(place)) for name in staging.packed]
    return declared_packages(dependencies, place, folders, stop)


def _link_modules(
    dependencies: DependencySet,
    needed: Mapping[str, Sequence[str]] | None,
    place: Path,
    stop: Stop,
) -> None:
    copier = Copier(link=True, on_folder=stop.raise_if_asked)
    for number, name in enumerate(dependencies.modules):
        try:
            target = make_parents(place, name, copier)
        except NotADirectoryError as error:
            # The build has replaced a folder of the repository by a link.
            raise leads_outside(Path(error.filename), place) from error
        source = dependencies.modules_at(number)
        if needed is None:
            copier.copy(source, target)
        else:
            copier.make_folder(target)
            _link_packages(source, target, needed[name], copier)


def _link_packages(source: Path, target: Path, packages: Sequence[str], copier: Copier) -> None:
    # A package comes before those that are installed in it.
    for package in sorted(packages):
        inner = source / package / MODULES
        copier.copy(source / package, make_parents(target, package, copier), {inner})
