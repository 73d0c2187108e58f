"""Trees: the files of a commit, and what of a folder on disk is not among them."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from mprelease.source.mirror import Mirror


@dataclass(frozen=True)
class Link:
    """A place in a tree where a commit of another repository, a submodule, belongs."""

    path: str
    commit: str


@dataclass(frozen=True)
class Listing:
    """What a commit puts where; paths are relative to its tree, folders end without a slash."""

    files: frozenset[str]
    folders: frozenset[str]
    links: tuple[Link, ...]


def listing(mirror: Mirror, commit: str) -> Listing:
    """Read what a commit holds; raise StageFailed if the mirror does not have it."""
    files, links = set(), []
    for line in mirror.ask("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")[:-1]:
        facts, _, name = line.partition(b"\t")
        kind, identity = facts.decode().split()[1:3]
        path = os.fsdecode(name)
        if kind == "commit":
            links.append(Link(path, identity))
        else:
            files.add(path)
    folders = _folders_of([*files, *(link.path for link in links)])
    return Listing(frozenset(files), folders, tuple(links))


def sweep(tree: Path, listed: Listing, keep: tuple[str, ...]) -> None:
    """Remove from a folder whatever the commit would not put there, following no link.

    Folders with a name of `keep` stay where the commit has a folder around them. What is not of
    the kind that the commit wants (a link instead of a folder) goes too, and so does every
    `.git`: a build may have put it there. Raise OSError if something cannot be removed.
    """
    _sweep(tree, "", listed, frozenset(link.path for link in listed.links), frozenset(keep))


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all it holds, even without permission to enter it."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(path)
    except PermissionError:
        _open(path)
        shutil.rmtree(path)


def _sweep(
    tree: Path, below: str, listed: Listing, links: frozenset[str], keep: frozenset[str]
) -> None:
    with os.scandir(tree / below) as found:
        entries = list(found)
    for entry in entries:
        path = below + entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name == ".git":
            remove(Path(entry.path))
        elif is_folder and (path in links or entry.name in keep):
            continue
        elif is_folder and path in listed.folders:
            _sweep(tree, f"{path}/", listed, links, keep)
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


def _open(folder: Path) -> None:
    folder.chmod(0o700)
    with os.scandir(folder) as found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                _open(Path(entry.path))
