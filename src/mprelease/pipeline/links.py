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
            raise _leads_outside(link, tree)


def refuse_outside(path: Path, tree: Path) -> None:
    """Raise StageFailed when a path in a tree leads out of it by a link on the way."""
    if not _lies_in(str(path), (os.path.realpath(tree),)):
        raise _leads_outside(str(path), tree)


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
            raise _leads_outside(folder, tree) from None


def _lies_in(path: str, folders: tuple[str, ...]) -> bool:
    # Not Path.resolve: it raises where links lead round in a circle.
    target = os.path.realpath(path)
    return any(target == folder or target.startswith(f"{folder}/") for folder in folders)


def _leads_outside(path: str, tree: Path) -> StageFailed:
    return StageFailed(Problem.LINK_LEADS_OUTSIDE, path=os.path.relpath(path, tree))
