"""Keep installed dependencies between releases.

`node_modules` stays where it is while the next release wants the same; otherwise it is renamed
into a pool, from where it comes back by another rename: never a copy, never a link (Taro's output
changes with a linked one), never shared by two builds. A folder is used again only if no file in
it has changed since it was installed, apart from the caches that bundlers keep there, so that no
build can leave something behind for the next one.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

MODULES = "node_modules"
_CACHES = frozenset({".cache", ".vite", ".vite-temp", ".uni-cache"})
_LOCK_FILES = frozenset({"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"})
# What husky makes for git at every install; no build reads it.
_GIT_HOOKS = "/.husky/_/"
_KEPT_PER_REPOSITORY = 4


@dataclass(frozen=True)
class _Installed:
    """What lies in the tree or in the pool: for which key, in which folders, how it was."""

    key: str
    folders: tuple[str, ...]
    fingerprint: str


class Dependencies:
    """The dependencies of one tree and the pool of its repository."""

    def __init__(self, tree: Path, pool: Path) -> None:
        """Take the tree and the folder of the pool; the note about the tree lies beside it."""
        self._tree = tree
        self._pool = pool
        self._note = tree.with_name("dependencies.json")

    def bring(self, key: str) -> bool:
        """Put the dependencies of this key in place; False when there are none to be had."""
        present = _read(self._note)
        if present and present.key == key and self._is_unchanged(self._tree, present):
            return True
        self._put_away(present)
        return self._fetch(key)

    def keep(self, key: str) -> None:
        """Note that what has just been installed in the tree belongs to this key."""
        folders = tuple(str(found.relative_to(self._tree)) for found in module_folders(self._tree))
        if not folders:
            return  # Nothing to keep (no dependencies) or nowhere to be seen (yarn's PnP).
        present = _Installed(key, folders, _fingerprint(self._tree, folders))
        _write(self._note, present)

    def discard(self) -> None:
        """Remove every dependency from the tree."""
        self._note.unlink(missing_ok=True)
        for folder in list(module_folders(self._tree)):
            shutil.rmtree(folder)

    def _put_away(self, present: _Installed | None) -> None:
        if present and self._is_unchanged(self._tree, present):
            self._note.unlink()
            _move(self._tree, self._pool / present.key, present, to_pool=True)
            _write(self._pool / present.key / "note.json", present)
            self._drop_oldest()
        self.discard()

    def _fetch(self, key: str) -> bool:
        entry = self._pool / key
        kept = _read(entry / "note.json")
        if kept is None:
            return False
        (entry / "note.json").unlink()
        _move(self._tree, entry, kept, to_pool=False)
        shutil.rmtree(entry)
        if not self._is_unchanged(self._tree, kept):
            self.discard()
            return False
        _write(self._note, kept)
        return True

    def _is_unchanged(self, root: Path, known: _Installed) -> bool:
        return _fingerprint(root, known.folders) == known.fingerprint

    def _drop_oldest(self) -> None:
        entries = sorted(self._pool.iterdir(), key=lambda entry: entry.stat().st_mtime)
        for entry in entries[:-_KEPT_PER_REPOSITORY]:
            shutil.rmtree(entry, ignore_errors=True)


def outside(tree: Path) -> frozenset[str]:
    """Return the state of every file of a tree that an install should leave alone.

    An install that changes more than `node_modules`, lock files and git's hooks (one that
    generates sources, yarn's PnP) must be done again each time, so its result may not be kept.
    """
    return frozenset(
        line
        for line in _files(tree, "", skipped=frozenset({MODULES, ".git"}))
        if Path(_path_of(line)).name not in _LOCK_FILES and _GIT_HOOKS not in _path_of(line)
    )


def changed(before: frozenset[str], after: frozenset[str]) -> list[str]:
    """Return the paths whose state differs, sorted."""
    return sorted({_path_of(state).lstrip("/") for state in before ^ after})


def module_folders(tree: Path) -> Iterator[Path]:
    """Yield the outermost `node_modules` folders of a tree; a link that was committed is none."""
    for folder, names, _ in os.walk(tree):
        if MODULES in names and not Path(folder, MODULES).is_symlink():
            yield Path(folder, MODULES)
        names[:] = [name for name in names if name not in {MODULES, ".git"}]


def _move(tree: Path, entry: Path, known: _Installed, *, to_pool: bool) -> None:
    if to_pool:
        shutil.rmtree(entry, ignore_errors=True)
        entry.mkdir(parents=True)
    for number, folder in enumerate(known.folders):
        inside, pooled = tree / folder, entry / str(number)
        if to_pool:
            inside.rename(pooled)
        elif inside.parent.resolve().is_relative_to(tree.resolve()) and inside.parent.is_dir():
            pooled.rename(inside)


def _fingerprint(root: Path, folders: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for folder in folders:
        digest.update(f"{folder}\n".encode())
        for line in sorted(_files(root / folder, "")):
            digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def _files(folder: Path | str, prefix: str, skipped: frozenset[str] = _CACHES) -> Iterator[str]:
    try:
        entries = os.scandir(folder)
    except OSError:
        return
    with entries:
        for entry in entries:
            path = f"{prefix}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in skipped:
                    yield from _files(entry.path, path, skipped)
            else:
                # The change time cannot be set back by the build, other than the rest.
                status = entry.stat(follow_symlinks=False)
                yield f"{path}\0{status.st_size}\0{status.st_ino}\0{status.st_ctime_ns}\n"


def _path_of(state: str) -> str:
    return state.partition("\0")[0]


def _read(note: Path) -> _Installed | None:
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
        return _Installed(known["key"], tuple(known["folders"]), known["fingerprint"])
    except (OSError, ValueError, KeyError):
        return None


def _write(note: Path, installed: _Installed) -> None:
    draft = note.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(installed)), encoding="utf-8")
    draft.replace(note)
