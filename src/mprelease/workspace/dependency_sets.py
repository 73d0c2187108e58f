"""Installed dependencies: immutable, and named by everything that their install could see.

A set holds every `node_modules` of a tree and whatever else the install wrote into it. It belongs
to us from the moment in which it is sealed. Builds see it read-only, or as second names of files
that they cannot change, or as a copy of their own.
"""

import errno
import fcntl
import json
import os
import secrets
import time
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mprelease.process.copying import Copier, plain_entries, seal_tree
from mprelease.process.removal import remove
from mprelease.process.tree import Stop

MODULES = "node_modules"
CACHES = (".cache", ".vite", ".vite-temp", ".uni-cache", ".taro", ".prisma")
"""Folders inside of node_modules that bundlers and generators write to; each build has its own."""

_LOCK_FILES = frozenset({"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"})
# What husky makes for git at every install; no build reads it.
_GIT_HOOKS = ".husky/_/"
_KEPT_PER_REPOSITORY = 6
_NOTE = "note.json"
_LOOK_SECONDS = 0.05

Inputs = dict[str, int]
"""The files of a tree before an install: path, and when it was changed (ns)."""


@dataclass(frozen=True)
class DependencySet:
    """A sealed set: `modules` are its node_modules folders, `extras` the other files, by path."""

    folder: Path
    modules: tuple[str, ...]
    extras: tuple[str, ...]

    @property
    def has_caches(self) -> bool:
        """Tell whether builds find every folder that they may write to."""
        modules = (self.modules_at(number) for number in range(len(self.modules)))
        return all((each / cache).is_dir() for each in modules for cache in CACHES)

    def modules_at(self, number: int) -> Path:
        """Return the content of one of `modules`."""
        return self.folder / "modules" / str(number)

    def extra_at(self, path: str) -> Path:
        """Return one of `extras`."""
        return self.folder / "extras" / path


class SetLock:
    """Keeps a dependency set from being removed, or while it is being made, from everybody."""

    def __init__(self, file: Path) -> None:
        """Open the file of the lock; nothing is locked yet."""
        self._stream = file.open("w")

    def try_shared(self) -> bool:
        """Use the set together with others, unless somebody is making or removing it."""
        return self._locked(fcntl.LOCK_SH)

    def try_exclusive(self) -> bool:
        """Have the set for oneself, unless somebody else uses it."""
        return self._locked(fcntl.LOCK_EX)

    def release(self) -> None:
        """Keep nothing any more."""
        fcntl.flock(self._stream, fcntl.LOCK_UN)

    def close(self) -> None:
        """Keep nothing any more, for good."""
        self._stream.close()

    def _locked(self, kind: int) -> bool:
        try:
            fcntl.flock(self._stream, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@dataclass(frozen=True)
class DependencySets:
    """The sets of one repository."""

    folder: Path

    def lock(self, key: str) -> SetLock:
        """Return the lock of a set, which nobody holds yet."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return SetLock(self.folder / f"{key}.lock")

    def acquire(self, key: str, lock: SetLock, stop: Stop) -> DependencySet | None:
        """Return the set with its lock shared; None, with the lock exclusive, to make it.

        Waits while somebody else makes it; raises the reason if a stop is asked meanwhile.
        """
        while True:
            if lock.try_shared() and (found := self.find(key)):
                return found
            if lock.try_exclusive() and not self.find(key):
                return None
            # Somebody makes it, or has made it meanwhile: then it is shared.
            lock.release()
            stop.raise_if_asked()
            time.sleep(_LOOK_SECONDS)

    def share(self, key: str, lock: SetLock, stop: Stop) -> DependencySet | None:
        """Share a set that one has just made with others; None if it is gone already."""
        # A lock that becomes another one is nobody's for a moment.
        while not lock.try_shared():
            stop.raise_if_asked()
            time.sleep(_LOOK_SECONDS)
        return self.find(key)

    def find(self, key: str) -> DependencySet | None:
        """Return the set of a key, if it is there; it counts as used now."""
        folder = self.folder / key
        try:
            known = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
            found = DependencySet(folder, tuple(known["modules"]), tuple(known["extras"]))
        except (OSError, ValueError, KeyError):
            return None
        if not found.has_caches:  # it was sealed by a version that knew fewer of them
            return None
        os.utime(folder)
        return found

    def seal(
        self, key: str, tree: Path, before: Inputs, *, maker: int | None, locks: Collection[str]
    ) -> DependencySet:
        """Make a set of what an install has made in a tree; the tree loses it.

        `maker` is the user id of the install, `locks` the lock files that builds read. Raises
        OSError, and leaves no set, when the disk is full or a file is not the install's own.
        """
        draft = self.folder / f".draft-{secrets.token_hex(4)}"
        (draft / "modules").mkdir(mode=0o700, parents=True)
        try:
            sealed = _fill(draft, tree, _Made(before, frozenset(locks)), maker)
            note = {name: value for name, value in asdict(sealed).items() if name != "folder"}
            (draft / _NOTE).write_text(json.dumps(note), encoding="utf-8")
            remove(self.folder / key)
            draft.rename(self.folder / key)
        finally:
            remove(draft)
        self._drop_oldest()
        return DependencySet(self.folder / key, sealed.modules, sealed.extras)

    def _drop_oldest(self) -> None:
        used = {entry: at for entry in self.folder.iterdir() if (at := _used_at(entry))}
        for entry in sorted(used, key=lambda each: used[each])[:-_KEPT_PER_REPOSITORY]:
            with closing(self.lock(entry.name)) as lock:
                if lock.try_exclusive():
                    (entry / _NOTE).unlink(missing_ok=True)
                    remove(entry)


def _used_at(entry: Path) -> int:
    """Return when a set was used last (ns); 0 for what is none, or no longer one."""
    try:
        return entry.stat().st_mtime_ns if (entry / _NOTE).is_file() else 0
    except FileNotFoundError:
        return 0  # Another slot drops sets, too.


def inputs_of(tree: Path) -> Inputs:
    """Return the files of a tree before an install."""
    return {path: state.st_ctime_ns for path, state in plain_entries(tree, {".git"})}


def module_folders(tree: Path) -> Iterator[Path]:
    """Yield the outermost `node_modules` folders of a tree; a link is none."""
    for folder, names, _ in os.walk(tree):
        if MODULES in names and not Path(folder, MODULES).is_symlink():
            yield Path(folder, MODULES)
        names[:] = [name for name in names if name not in {MODULES, ".git"}]


def lay_extras(dependencies: DependencySet, tree: Path, copier: Copier) -> None:
    """Put the other files that an install has made into a tree, through no link.

    Raise NotADirectoryError where the tree has something else on the way.
    """
    for path in dependencies.extras:
        target = make_parents(tree, path, copier)
        if not target.is_dir() or target.is_symlink():
            target.unlink(missing_ok=True)
            copier.copy_entry(dependencies.extra_at(path), target)


def lay_modules(dependencies: DependencySet, tree: Path, copier: Copier) -> None:
    """Put every node_modules of a set into a tree, through no link."""
    for number, name in enumerate(dependencies.modules):
        target = make_parents(tree, name, copier)
        remove(target)
        copier.copy(dependencies.modules_at(number), target)


def make_parents(tree: Path, path: str, copier: Copier) -> Path:
    """Return where a path lies in a tree, with the folders above it made.

    Raise NotADirectoryError where one of them is a link or a file.
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
class _Made:
    """Tells what an install has made from what was there before."""

    before: Inputs
    locks: Collection[str]

    def is_extra(self, path: str, changed_at: int) -> bool:
        name = Path(path).name
        if path in self.before and (self.before[path] == changed_at or name == "package.json"):
            return False
        return _GIT_HOOKS not in path and (name not in _LOCK_FILES or path in self.locks)


def _fill(draft: Path, tree: Path, made: _Made, maker: int | None) -> DependencySet:
    modules = tuple(str(found.relative_to(tree)) for found in module_folders(tree))
    for number, name in enumerate(modules):
        content = draft / "modules" / str(number)
        (tree / name).rename(content)
        seal_tree(content, maker=maker)
        for cache in CACHES:
            with suppress(FileExistsError):
                (content / cache).mkdir(mode=0o755)
    entries = plain_entries(tree, {".git"})
    extras = tuple(path for path, state in entries if made.is_extra(path, state.st_ctime_ns))
    for path in extras:
        target = draft / "extras" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        (tree / path).rename(target)
    if extras:
        seal_tree(draft / "extras", maker=maker)
    return DependencySet(draft, modules, extras)
