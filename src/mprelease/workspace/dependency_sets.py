"""Dependency sets: installed dependencies, immutable, named by a key of the install's inputs.

A set holds every `node_modules` of a tree and all other files that the install wrote into it. Once
sealed it belongs to mprelease's user. Builds get it as a read-only mount, as hard links to files
that they cannot change, or as a copy.
"""

import errno
import json
import os
import secrets
import time
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mprelease.process.copying import Copier, plain_entries, seal_tree
from mprelease.process.removal import put_in_place, remove
from mprelease.process.tree import Stop
from mprelease.process.tree_digest import tree_outline
from mprelease.workspace.entry_lock import EntryLock, found_or_locked
from mprelease.workspace.retention import least_recently_used

MODULES = "node_modules"
CACHES = (".cache", ".vite", ".vite-temp", ".uni-cache", ".taro", ".prisma")
"""Folders in node_modules that bundlers and generators write to; each build has its own."""

_LOCK_FILES = frozenset({"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"})
# Written by husky at every install; builds do not read it.
_GIT_HOOKS = ".husky/_/"
_KEPT_PER_REPOSITORY = 6
_NOTE = "note.json"
_POLL_SECONDS = 0.05

# The identities of the sets that this process has found whole.
_WHOLE: set[tuple[str, int, int]] = set()

Inputs = dict[str, int]
"""The files of a tree before an install: path, and time of the last change (ns)."""


@dataclass(frozen=True)
class DependencySet:
    """A sealed set: the paths of its node_modules folders and of its other files (`extras`)."""

    folder: Path
    modules: tuple[str, ...]
    extras: tuple[str, ...]

    @property
    def identity(self) -> tuple[str, int, int]:
        """Return what no other set has, not even a later one of the same key."""
        state = (self.folder / _NOTE).stat()
        return self.folder.name, state.st_ino, state.st_mtime_ns

    @property
    def has_caches(self) -> bool:
        """Return whether each node_modules has all folders of CACHES."""
        modules = (self.modules_at(number) for number in range(len(self.modules)))
        return all((each / cache).is_dir() for each in modules for cache in CACHES)

    def modules_at(self, number: int) -> Path:
        """Return the folder with the content of `modules[number]`."""
        return self.folder / "modules" / str(number)

    def extra_at(self, path: str) -> Path:
        """Return the file of one of `extras`."""
        return self.folder / "extras" / path


@dataclass(frozen=True)
class DependencySets:
    """The sets of one repository."""

    folder: Path

    def lock(self, key: str) -> EntryLock:
        """Return a new lock object for a set, not locked."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return EntryLock(self.folder / f"{key}.lock")

    def acquire(self, key: str, lock: EntryLock, stop: Stop) -> DependencySet | None:
        """Return the set with a shared lock; or None with an exclusive lock, to create the set.

        Wait while another holder creates it. Raise the reason of a stop.
        """
        return found_or_locked(lock, lambda: self.find(key), stop)

    def share(self, key: str, lock: EntryLock, stop: Stop) -> DependencySet | None:
        """Downgrade the exclusive lock of a new set to shared; None if it was removed meanwhile."""
        # flock(2) does not convert locks atomically: another holder may lock exclusively between.
        while not lock.try_shared():
            stop.raise_if_asked()
            time.sleep(_POLL_SECONDS)
        return self.find(key)

    def find(self, key: str) -> DependencySet | None:
        """Return the set of a key, and set its time of use; None if there is none, or no whole one.

        A process examines a set once, at its first use: after a crash of the machine, files of a
        set may be missing, empty or cut.
        """
        folder = self.folder / key
        try:
            note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
            existing = DependencySet(folder, tuple(note["modules"]), tuple(note["extras"]))
        except (OSError, ValueError, KeyError):
            return None
        if not existing.has_caches:  # sealed by a version with fewer CACHES
            return None
        if existing.identity not in _WHOLE:
            # Versions before 0.1 did not note it.
            if note.get("outline") not in {None, _outline(folder)}:
                return None
            _WHOLE.add(existing.identity)
        os.utime(folder)
        return existing

    def is_damaged(self, key: str) -> bool:
        """Return whether there is a set of a key that `find` does not return."""
        return (self.folder / key).is_dir() and self.find(key) is None

    def seal(
        self, key: str, tree: Path, before: Inputs, *, maker: int | None, locks: Collection[str]
    ) -> DependencySet:
        """Move what an install has written into a tree to a new set.

        `maker` is the user id of the install, `locks` are the lock files that builds read. Raise
        OSError, and leave no set, if the disk is full or a file belongs to another user.
        """
        draft = self.folder / f".draft-{secrets.token_hex(4)}"
        (draft / "modules").mkdir(mode=0o700, parents=True)
        try:
            sealed = _fill(draft, tree, _Changes(before, frozenset(locks)), maker)
            note = {name: value for name, value in asdict(sealed).items() if name != "folder"}
            note["outline"] = _outline(draft)
            (draft / _NOTE).write_text(json.dumps(note), encoding="utf-8")
            put_in_place(draft, self.folder / key)
        finally:
            remove(draft)
        self._remove_least_recently_used()
        return DependencySet(self.folder / key, sealed.modules, sealed.extras)

    def _remove_least_recently_used(self) -> None:
        for entry in least_recently_used(self.folder, _KEPT_PER_REPOSITORY, holding=_NOTE):
            with closing(self.lock(entry.name)) as lock:
                if lock.try_exclusive():
                    (entry / _NOTE).unlink(missing_ok=True)
                    remove(entry)


def inputs_of(tree: Path) -> Inputs:
    """Return the files of a tree before an install, with their times of change."""
    return {path: state.st_ctime_ns for path, state in plain_entries(tree, {".git"})}


def module_folders(tree: Path) -> Iterator[Path]:
    """Yield the outermost `node_modules` folders of a tree, symbolic links excluded."""
    for folder, names, _ in os.walk(tree):
        if MODULES in names and not Path(folder, MODULES).is_symlink():
            yield Path(folder, MODULES)
        names[:] = [name for name in names if name not in {MODULES, ".git"}]


def lay_extras(dependencies: DependencySet, tree: Path, copier: Copier) -> None:
    """Copy the `extras` of a set into a tree, without following symbolic links.

    Raise NotADirectoryError if a parent folder in the tree is a link or a file.
    """
    for path in dependencies.extras:
        target = make_parents(tree, path, copier)
        if not target.is_dir() or target.is_symlink():
            target.unlink(missing_ok=True)
            copier.copy_entry(dependencies.extra_at(path), target)


def lay_modules(dependencies: DependencySet, tree: Path, copier: Copier) -> None:
    """Copy the node_modules folders of a set into a tree, without following symbolic links."""
    for number, name in enumerate(dependencies.modules):
        target = make_parents(tree, name, copier)
        remove(target)
        copier.copy(dependencies.modules_at(number), target)


def make_parents(tree: Path, path: str, copier: Copier) -> Path:
    """Create the parent folders of a path in a tree, and return the path in it.

    Raise NotADirectoryError if one of them is a link or a file.
    """
    folder = tree
    for part in Path(path).parts[:-1]:
        folder /= part
        if not os.path.lexists(folder):
            copier.make_folder(folder)
        if folder.is_symlink() or not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "a link or a file is in the way", str(folder))
    return folder / Path(path).name


@dataclass(frozen=True)
class _Changes:
    """Distinguishes files that an install has written from those that existed before."""

    before: Inputs
    locks: Collection[str]

    def is_extra(self, path: str, changed_at: int) -> bool:
        name = Path(path).name
        if path in self.before and (self.before[path] == changed_at or name == "package.json"):
            return False
        return _GIT_HOOKS not in path and (name not in _LOCK_FILES or path in self.locks)


def _outline(folder: Path) -> str:
    parts = (folder / part for part in ("modules", "extras"))
    return " ".join(tree_outline(part) for part in parts if part.is_dir())


def _fill(draft: Path, tree: Path, changes: _Changes, maker: int | None) -> DependencySet:
    modules = tuple(str(folder.relative_to(tree)) for folder in module_folders(tree))
    for number, name in enumerate(modules):
        content = draft / "modules" / str(number)
        (tree / name).rename(content)
        seal_tree(content, maker=maker)
        for cache in CACHES:
            with suppress(FileExistsError):
                (content / cache).mkdir(mode=0o755)
    entries = plain_entries(tree, {".git"})
    extras = tuple(path for path, state in entries if changes.is_extra(path, state.st_ctime_ns))
    for path in extras:
        target = draft / "extras" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        (tree / path).rename(target)
    if extras:
        seal_tree(draft / "extras", maker=maker)
    return DependencySet(draft, modules, extras)
