"""Trees: the files of a commit, and the removal of other files from a folder."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.process.removal import remove
from mprelease.source.mirror import Mirror

_LEAST = 4096
# The ids of the tree without entries, which git has built in: by SHA-1, and by SHA-256.
_EMPTY_TREES = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}


@dataclass(frozen=True)
class Gitlink:
    """An entry of a tree that refers to a commit of another repository (a submodule)."""

    path: str
    commit: str


@dataclass(frozen=True)
class Listing:
    """The entries of a commit; paths are relative to its tree, folders without trailing slash."""

    files: frozenset[str]
    folders: frozenset[str]
    links: tuple[Gitlink, ...]


def listing(mirror: Mirror, commit: str) -> Listing:
    """Read the entries of a commit; raise StageFailed if it is missing or malformed.

    A commit with two entries of one path is refused: of a symbolic link and a folder git would
    create the link last, and files written into the folder would go to the link's target.
    """
    files, links, names = set(), [], list[bytes]()
    for line in mirror.output("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")[:-1]:
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
    # git sorts the entries of trees; other orders are malformed.
    if any(one >= other for one, other in pairwise(names)) or not folders.isdisjoint(places):
        raise StageFailed(Problem.COMMIT_MALFORMED, repository=mirror.address, commit=commit)
    return Listing(frozenset(files), folders, tuple(links))


def size_of(mirror: Mirror, commit: str) -> int:
    """Return the total bytes of the files of a commit, each counted as at least 4 KiB."""
    answer = mirror.output("ls-tree", "-r", "-l", "-z", "--full-tree", commit)
    sizes = (line.partition(b"\t")[0].split()[3] for line in answer.split(b"\0")[:-1])
    return sum(max(int(size), _LEAST) if size.isdigit() else _LEAST for size in sizes)


def any_file_has(mirror: Mirror, commit: str, words: Collection[str]) -> bool:
    """Return whether a file of a commit contains one of these words (letters, digits, `_`).

    Files of submodules are not searched; Git LFS objects are not, either.
    """
    pattern = f"({'|'.join(words)})"
    empty = _EMPTY_TREES[len(commit)]
    search = ("diff-tree", "-r", "--name-only", "-z", "--pickaxe-regex", "-S", pattern)
    return bool(mirror.output(*search, empty, commit))


def remove_untracked(tree: Path, listed: Listing) -> None:
    """Remove everything from a folder that is not in the commit, without following links.

    Entries of another type than in the commit are removed too, and so is every `.git`, which a
    build may have created. Raise OSError if something cannot be removed.
    """
    _remove_untracked(tree, "", listed, frozenset(link.path for link in listed.links))


def _remove_untracked(tree: Path, below: str, listed: Listing, links: frozenset[str]) -> None:
    with os.scandir(tree / below) as scanned:
        entries = list(scanned)
    for entry in entries:
        path = below + entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name == ".git":
            remove(Path(entry.path))
        elif is_folder and path in links:
            continue
        elif is_folder and path in listed.folders:
            _remove_untracked(tree, f"{path}/", listed, links)
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
