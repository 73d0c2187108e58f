"""Checkout: bring a ref, and make a folder exactly the commit that it stands for."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Message, Problem
from mprelease.process.ownership import chown_tree
from mprelease.process.removal import remove
from mprelease.source.clone import OBJECTS, clone
from mprelease.source.failures import full_disk_told
from mprelease.source.git import Git
from mprelease.source.large_files import lay_large_files
from mprelease.source.mirror import Mirror, ResolvedRef
from mprelease.source.repository import Repository
from mprelease.source.submodules import Submodule, submodules
from mprelease.source.tree import Listing, listing, size_of, sweep


def fetch(git: Git, repository: Repository, ref: str) -> ResolvedRef:
    """Bring a branch, tag or commit into the repository's mirror and say what it stands for.

    A commit that is already there needs no network. Raise StageFailed.
    """
    return Mirror(git, repository).fetch(ref)


def place(
    git: Git, repository: Repository, fetched: ResolvedRef, tree: Path, user: int | None = None
) -> None:
    """Make the folder `tree` exactly the fetched commit, its submodules included.

    What the commit does not hold is removed; files that are as they should be keep their time of
    change, and everything belongs to `user`, if one is given. `tree/.git` is a new light clone
    each time, and the index that git trusts lies beside the tree: whatever a build left inside,
    our git never reads a setting or a hook from there, and a file that a build has touched is
    written anew. Raise StageFailed.
    """
    index = tree.with_name(f"{tree.name}.index")
    with full_disk_told():
        _fill(_Place(git, repository, tree, index, user, []), fetched.commit.id, depth=0)
        folder = tree / ".git"
        clone(Mirror(git, repository), fetched, index, folder)
        if user is not None:
            chown_tree(folder, user, ours=(folder / OBJECTS,))


def forget(tree: Path) -> None:
    """Let the next checkout make a tree anew, because nothing in it can be relied on."""
    tree.with_name(f"{tree.name}.index").unlink(missing_ok=True)


@dataclass(frozen=True)
class _Place:
    git: Git
    repository: Repository
    tree: Path
    index: Path
    user: int | None
    # The sizes of the submodules so far, in bytes: one can be in a tree any number of times.
    sizes: list[int]


def _fill(place: _Place, commit: str, depth: int) -> None:
    mirror = Mirror(place.git, place.repository)
    listed = listing(mirror, commit)
    if not _changed(place, mirror, commit, listed):
        _clear(place)
        _read(place, mirror, commit)
    if place.user is not None and chown_tree(place.tree, place.user):
        # The change of owner is a change of every file: now, before a build has touched one, git
        # learns that they are as they should be.
        _refresh(place, mirror)
    files = (place.tree / name for name in listed.files)
    lay_large_files(place.git, mirror, commit, files, place.user)
    found = submodules(mirror, place.repository, commit, listed)
    _empty_others(place, listed, found)
    for submodule in found:
        _fill_submodule(place, submodule, depth + 1)


def _changed(place: _Place, mirror: Mirror, commit: str, listed: Listing) -> bool:
    """Change the tree from what it is; return False where only a new beginning helps."""
    if not place.index.exists() or not place.tree.is_dir() or place.tree.is_symlink():
        return False
    try:
        sweep(place.tree, listed)
        _read(place, mirror, commit)
    except OSError:
        return False
    except StageFailed as failure:
        if failure.problem_detail.problem is not Problem.GIT_FAILED:
            raise
        return False
    return True


def _clear(place: _Place) -> None:
    place.index.unlink(missing_ok=True)
    place.index.with_name(f"{place.index.name}.lock").unlink(missing_ok=True)
    remove(place.tree)
    place.tree.mkdir(parents=True)


def _read(place: _Place, mirror: Mirror, commit: str) -> None:
    url, reset = place.repository.url, ("read-tree", "--reset", "-u", commit)
    place.git.run(mirror.path, *reset, environment=_where(place), repository=url, tree=place.tree)


def _refresh(place: _Place, mirror: Mirror) -> None:
    url, refresh = place.repository.url, ("update-index", "-q", "--refresh")
    place.git.ask(mirror.path, *refresh, environment=_where(place), repository=url)


def _where(place: _Place) -> Mapping[str, str]:
    return {"GIT_WORK_TREE": str(place.tree), "GIT_INDEX_FILE": str(place.index)}


def _empty_others(place: _Place, listed: Listing, found: tuple[Submodule, ...]) -> None:
    filled = {submodule.path for submodule in found}
    for link in listed.links:
        if link.path not in filled:
            place.git.note(Message("log.submodule_empty", {"path": link.path}))
            folder = _below(place.tree, link.path)
            remove(folder)
            folder.mkdir()


def _fill_submodule(place: _Place, submodule: Submodule, depth: int) -> None:
    repository = submodule.repository
    if depth > _DEEPEST:
        detail = f"submodules lie more than {_DEEPEST} deep in each other"
        raise StageFailed(Problem.GIT_FAILED, repository=repository.url, detail=detail)
    told = {"path": submodule.path, "url": repository.url, "commit": submodule.commit}
    place.git.note(Message("log.submodule", told))
    mirror = Mirror(place.git, repository)
    mirror.fetch(submodule.commit)
    place.sizes.append(size_of(mirror, submodule.commit))
    place.git.refuse_more_than_limit(sum(place.sizes))
    name = hashlib.sha256(os.fsencode(submodule.path)).hexdigest()[:12]
    index = place.index.with_name(f"{place.index.name}.{name}")
    tree = _below(place.tree, submodule.path)
    inner = _Place(place.git, repository, tree, index, place.user, place.sizes)
    _fill(inner, submodule.commit, depth)


def _below(tree: Path, path: str) -> Path:
    """Return where a path lies in a tree; raise StageFailed where a link is on the way to it."""
    folder = (tree / path).parent
    if folder.resolve() != tree.resolve() / folder.relative_to(tree):
        raise StageFailed(Problem.LINK_LEADS_OUTSIDE, path=path)
    return tree / path


_DEEPEST = 8
