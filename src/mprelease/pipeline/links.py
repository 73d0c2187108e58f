"""Links in what a build made: none may lead the vendor's tool to a file of ours."""

import os
from collections.abc import Iterator
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem

# node-gyp leaves a link to the machine's Python beside every native module that it compiles.
_PROGRAMS = ("/usr/bin", "/usr/local/bin")


def refuse_links_outside(folder: Path, tree: Path) -> None:
    """Raise StageFailed when a folder of a tree, or any link in that tree, leads out of it.

    The tool that publishes runs with rights that the build never had, and follows links. Those of
    the whole tree count, for a link may lead to the next one.
    """
    refuse_outside(folder, tree)
    allowed = tuple(os.path.realpath(each) for each in (tree, *_PROGRAMS))
    for link in _links(tree):
        if not _lies_in(link, allowed):
            raise leads_outside(Path(link), tree)


def refuse_outside(path: Path, tree: Path) -> None:
    """Raise StageFailed when a path in a tree leads out of it by a link on the way."""
    if not _lies_in(str(path), (os.path.realpath(tree),)):
        raise leads_outside(path, tree)


def inside(path: Path, folder: Path) -> Path | None:
    """Return where a path leads by all its links, relative to a folder; None if out of it."""
    target = Path(os.path.realpath(path))
    return target.relative_to(folder) if target.is_relative_to(folder) else None


def names_a_program(link: Path) -> bool:
    """Tell whether a link leads to a program of the machine, which is harmless."""
    return _lies_in(str(link), tuple(os.path.realpath(each) for each in _PROGRAMS))


def leads_outside(path: Path, tree: Path) -> StageFailed:
    """Return the failure of a path that leads out of its tree."""
    return StageFailed(Problem.LINK_LEADS_OUTSIDE, path=os.path.relpath(path, tree))


def _links(tree: Path) -> Iterator[str]:
    folders = [str(tree)]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_symlink():
                        yield entry.path
                    elif entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        except PermissionError:
            continue  # Closed to us is closed to the tool.
        except OSError:
            # Too deep to be named, hence to be searched; no honest build needs such a folder.
            raise leads_outside(Path(folder), tree) from None


def _lies_in(path: str, folders: tuple[str, ...]) -> bool:
    # Not Path.resolve: it raises where links lead round in a circle.
    target = os.path.realpath(path)
    return any(target == folder or target.startswith(f"{folder}/") for folder in folders)
