"""What is handed to the vendor's tool: a copy of what was built, in a folder of the tool's own.

Nothing that a build has made is trusted here: no link is followed while copying, and afterwards
none in the copy may lead out of it.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mprelease.pipeline.near_packages import bring_near
from mprelease.pipeline.plain_content import replace_links
from mprelease.pipeline.symlinks import (
    leads_outside,
    names_a_program,
    refuse_links_outside,
    remove_useless_links,
)
from mprelease.process.copying import Copier
from mprelease.process.tree import Stop
from mprelease.workspace.dependency_sets import DependencySet, make_parents

_GIT = ".git"
_PROJECT = "project"
# What a link out of the tree leads to in the copy: nothing is there, and nobody can make it.
_OUTSIDE = "/proc/mprelease: outside"


@dataclass(frozen=True)
class Staging:
    """What is copied, and to where.

    `built` is a folder of `tree`, which commands have seen at `shown`; the `roots` in it hold what
    is published. `dependencies` are shown in that tree, and handed over only if there is a folder
    in `packed`, or a link asks for them: `packed` are the folders, relative to `built`, beside
    whose package.json the tool looks for npm packages. `most` bytes may be copied.
    """

    built: Path
    roots: Sequence[Path]
    tree: Path
    shown: Path
    dependencies: DependencySet | None
    packed: Sequence[str]
    most: int | None = None


def staged(staging: Staging, scratch: Path, stop: Stop) -> Path:
    """Copy what was built into `scratch`; return where it lies there.

    Where the tool needs dependencies, or a link leads to something else in the tree, all of the
    tree is copied, and the files of the dependencies get second names in the copy: they belong to
    us, so the tool cannot change them. Links in what is published are replaced by what they lead
    to, for not every tool follows them. Raises StageFailed(LINK_LEADS_OUTSIDE) for a link that
    leads out of the tree, if anything published or packed holds it or leads to it,
    StageFailed(LINKS_ENDLESS) and StageFailed(PACKAGES_ENDLESS).
    """
    built, tree, place = staging.built.resolve(), staging.tree.resolve(), scratch / _PROJECT
    left_out = {tree / _GIT, *(tree / name for name in _modules(staging))}
    links = _Links(tree, staging.shown)
    copier = Copier(on_folder=stop.raise_if_asked, link_text=links.text, most=staging.most)
    if not staging.packed and _is_complete(built, links, left_out, stop):
        copier.copy(built, place, left_out)
        remove_useless_links(place, stop.raise_if_asked)
        replace_links(place, place, stop)
        return place
    copier.copy(tree, place, left_out)
    if staging.dependencies:
        _link_modules(staging.dependencies, place, stop)
    roots = [place / built.relative_to(tree) / root for root in _roots(staging)]
    for folder in (*roots, *(place / name for name in _modules(staging))):
        refuse_links_outside(folder, place, on_link=stop.raise_if_asked)
    # The tool reads whatever a project names, and so gets no link to anything of ours.
    remove_useless_links(place, stop.raise_if_asked)
    for name in staging.packed:
        bring_near(place / built.relative_to(tree) / name, place, stop)
    for root in roots:
        replace_links(root, place, stop)
    return place / built.relative_to(tree)


@dataclass(frozen=True)
class _Links:
    """Rewrites the links of a tree so that they mean the same in a copy of it."""

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
        """Return where a link of the tree leads, by its words alone."""
        path = Path(os.path.normpath(link.parent / text))
        for seen in (self.shown, self.tree):
            if path.is_relative_to(seen):
                return self.tree / path.relative_to(seen)
        return path


def _roots(staging: Staging) -> Sequence[Path]:
    return [root.relative_to(staging.built) for root in staging.roots]


def _modules(staging: Staging) -> Sequence[str]:
    return staging.dependencies.modules if staging.dependencies else ()


def _is_complete(built: Path, links: _Links, left_out: set[Path], stop: Stop) -> bool:
    """Tell whether every link in a folder leads to something that is copied with it."""
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
    # By its words and by all links on its way: neither may lead to what is not copied.
    return all(
        path.is_relative_to(built) and not any(path.is_relative_to(each) for each in left_out)
        for path in (target, Path(os.path.realpath(target)))
    )


def _link_modules(dependencies: DependencySet, place: Path, stop: Stop) -> None:
    copier = Copier(link=True, on_folder=stop.raise_if_asked)
    for number, name in enumerate(dependencies.modules):
        try:
            target = make_parents(place, name, copier)
        except NotADirectoryError as error:
            # A build has put a link where a folder of the repository was.
            raise leads_outside(Path(error.filename), place) from error
        copier.copy(dependencies.modules_at(number), target)
