"""Checkout: fetch a ref, and make a folder contain exactly its commit."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Message, Problem
from mprelease.process.ownership import chown_tree
from mprelease.process.removal import remove
from mprelease.source.commit_tree import Listing, listing, remove_untracked, size_of
from mprelease.source.git import Git
from mprelease.source.git_errors import disk_full_raised
from mprelease.source.git_lfs import replace_pointers
from mprelease.source.light_clone import OBJECTS, clone
from mprelease.source.mirror import Mirror, ResolvedRef
from mprelease.source.repository import Repository
from mprelease.source.submodules import Submodule, submodules


def fetch(git: Git, repository: Repository, ref: str) -> ResolvedRef:
    """Fetch a branch, tag or commit into the repository's mirror, and resolve it.

    A commit that is in the mirror needs no network. Raise StageFailed and Refused(REF_SHAPE).
    """
    return Mirror(git, repository).fetch(ref)


def place(
    git: Git, repository: Repository, fetched: ResolvedRef, tree: Path, user: int | None = None
) -> None:
    """Make the folder `tree` contain exactly the fetched commit, including submodules.

    Other files are removed; unchanged files keep their modification time, and `user`, if given,
    owns everything. `tree/.git` is a new light clone each time, and the index used for the checkout
    is outside of the tree: git never reads settings or hooks that a build may have left there, and
    files that a build has changed are rewritten. Raise StageFailed.
    """
    index = tree.with_name(f"{tree.name}.index")
    with disk_full_raised():
        _fill(_Place(git, repository, tree, index, user, []), fetched.commit.id, depth=0)
        folder = tree / ".git"
        clone(Mirror(git, repository), fetched, index, folder)
        if user is not None:
            chown_tree(folder, user, ours=(folder / OBJECTS,))


def forget(tree: Path) -> None:
    """Make the next checkout recreate a tree whose content cannot be trusted."""
    tree.with_name(f"{tree.name}.index").unlink(missing_ok=True)


@dataclass(frozen=True)
class _Place:
    git: Git
    repository: Repository
    tree: Path
    index: Path
    user: int | None
    # Sizes in bytes of the submodules so far; one can occur in a tree any number of times.
    sizes: list[int]


def _fill(place: _Place, commit: str, depth: int) -> None:
    mirror = Mirror(place.git, place.repository)
    listed = listing(mirror, commit)
    if not _changed(place, mirror, commit, listed):
        _clear(place)
        _read(place, mirror, commit)
    if place.user is not None and chown_tree(place.tree, place.user):
        # The change of owner changes the ctime of every file: update the index before a build runs.
        _refresh(place, mirror)
    files = (place.tree / name for name in listed.files)
    replace_pointers(place.git, mirror, commit, files, place.user)
    with_url = submodules(mirror, place.repository, commit, listed)
    _empty_others(place, listed, with_url)
    for submodule in with_url:
        _fill_submodule(place, submodule, depth + 1)


def _changed(place: _Place, mirror: Mirror, commit: str, listed: Listing) -> bool:
    """Update an existing tree in place; return False if it must be recreated."""
    if not place.index.exists() or not place.tree.is_dir() or place.tree.is_symlink():
        return False
    try:
        remove_untracked(place.tree, listed)
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
    place.git.output(mirror.path, *refresh, environment=_where(place), repository=url)


def _where(place: _Place) -> Mapping[str, str]:
    return {"GIT_WORK_TREE": str(place.tree), "GIT_INDEX_FILE": str(place.index)}


def _empty_others(place: _Place, listed: Listing, with_url: tuple[Submodule, ...]) -> None:
    filled = {submodule.path for submodule in with_url}
    for link in listed.links:
        if link.path not in filled:
            place.git.note(Message("log.submodule_empty", {"path": link.path}))
            folder = _below(place.tree, link.path)
            remove(folder)
            folder.mkdir()


def _fill_submodule(place: _Place, submodule: Submodule, depth: int) -> None:
    repository = submodule.repository
    if depth > _DEEPEST:
        raise StageFailed(Problem.SUBMODULES_TOO_DEEP, repository=repository.url, most=_DEEPEST)
    parameters = {"path": submodule.path, "url": repository.url, "commit": submodule.commit}
    place.git.note(Message("log.submodule", parameters))
    mirror = Mirror(place.git, repository)
    mirror.fetch(submodule.commit)
    mirror.note_parent(Mirror(place.git, place.repository))
    place.sizes.append(size_of(mirror, submodule.commit))
    place.git.refuse_more_than_limit(sum(place.sizes))
    name = hashlib.sha256(os.fsencode(submodule.path)).hexdigest()[:12]
    index = place.index.with_name(f"{place.index.name}.{name}")
    tree = _below(place.tree, submodule.path)
    inner = _Place(place.git, repository, tree, index, place.user, place.sizes)
    _fill(inner, submodule.commit, depth)


def _below(tree: Path, path: str) -> Path:
    """Return a path in a tree; raise StageFailed if one of its parents is a symbolic link."""
    folder = (tree / path).parent
    if folder.resolve() != tree.resolve() / folder.relative_to(tree):
        raise StageFailed(Problem.LINK_LEADS_OUTSIDE, path=path)
    return tree / path


_DEEPEST = 8
