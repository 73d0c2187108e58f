"""Trees: the files of a commit, and what of a folder on disk is not among them."""

import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.process.removal import remove
from mprelease.source.mirror import Mirror

_LEAST = 4096


@dataclass(frozen=True)
class Gitlink:
    """A place in a tree where a commit of another repository, a submodule, belongs."""

    path: str
    commit: str


@dataclass(frozen=True)
class Listing:
    """What a commit puts where; paths are relative to its tree, folders end without a slash."""

    files: frozenset[str]
    folders: frozenset[str]
    links: tuple[Gitlink, ...]


def listing(mirror: Mirror, commit: str) -> Listing:
    """Read what a commit holds; raise StageFailed if the mirror does not have it.

    A commit that puts two things at one place is refused: of a link and a folder of the same name
    git would lay the link last, and what we put into the folder would go where the link leads.
    """
    files, links, names = set(), [], list[bytes]()
    for line in mirror.ask("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")[:-1]:
        facts, _, name = line.partition(b"\t")
        kind, identity = facts.decode().split()[1:3]
        path = os.fsdecode(name)
        names.append(name)
        if kind == "commit":
            links.append(Gitlink(path, identity))
        else:
            files.add(path)
    places = files.union(link.path for link in links)
    folders = _folders_of([*places])
    # git writes trees in this order; others have been made by hand.
    if any(one >= other for one, other in pairwise(names)) or not folders.isdisjoint(places):
        raise StageFailed(
            Problem.GIT_FAILED,
            repository=mirror.address,
            detail=f"{commit}: a tree of this commit is malformed",
        )
    return Listing(frozenset(files), folders, tuple(links))


def size_of(mirror: Mirror, commit: str) -> int:
    """Return how many bytes the files of a commit have together, 4 KiB each at least."""
    answer = mirror.ask("ls-tree", "-r", "-l", "-z", "--full-tree", commit)
    sizes = (line.partition(b"\t")[0].split()[3] for line in answer.split(b"\0")[:-1])
    return sum(max(int(size), _LEAST) if size.isdigit() else _LEAST for size in sizes)


def sweep(tree: Path, listed: Listing) -> None:
    """Remove from a folder whatever the commit would not put there, following no link.

    What is not of the kind that the commit wants (a link instead of a folder) goes too, and so does
    every `.git`: a build may have put it there. Raise OSError if something cannot be removed.
    """
    _sweep(tree, "", listed, frozenset(link.path for link in listed.links))


def _sweep(tree: Path, below: str, listed: Listing, links: frozenset[str]) -> None:
    with os.scandir(tree / below) as found:
        entries = list(found)
    for entry in entries:
        path = below + entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name == ".git":
            remove(Path(entry.path))
        elif is_folder and path in links:
            continue
        elif is_folder and path in listed.folders:
            _sweep(tree, f"{path}/", listed, links)
        elif is_folder or path not in listed.files:
            remove(Path(entry.path))


def _folders_of(paths: list[str]) -> frozenset[str]:
    folders = set[str]()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return frozenset(folders)
