"""Artifacts: what builds have made, stored by a key of everything that a build depends on.

An artifact is a folder with a copy of a build's output and a note that describes it. It belongs to
mprelease's user, no build sees it, and it never changes. Several artifacts of one key differ in the
values of variables that only some builds use.
"""

import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mprelease.domain.problems import Message
from mprelease.process.removal import put_in_place, remove
from mprelease.process.tree_digest import tree_digest
from mprelease.workspace.entry_lock import EntryLock
from mprelease.workspace.retention import IN_USE_SECONDS, least_recently_used

_KEPT_PER_REPOSITORY = 64
_NOTE = "note.json"
_CONTENT = "content"
# Of a key, in the name of its artifacts.
_KEY_LENGTH = 40


@dataclass(frozen=True)
class Built:
    """The description of a build's output.

    `output` is its path in the artifact's content. `dependencies` is the key of the dependency set
    that publishing needs, None if it needs none. `packages` are the npm packages that the app
    depends on at run time. `age` is the period of a build whose dependencies depend on it, else
    empty. `counted` are the variables that the build used, with their values. `release` is the id
    of the release that was built.
    """

    output: str
    dependencies: str | None
    packages: tuple[str, ...]
    node_version: str | None
    warnings: tuple[Message, ...]
    age: str
    counted: Mapping[str, str]
    release: int


@dataclass(frozen=True)
class Artifact:
    """A stored build output; `digest` is the one of its content."""

    folder: Path
    built: Built
    digest: str

    @property
    def name(self) -> str:
        """Return the name by which a release refers to it."""
        return self.folder.name

    @property
    def content(self) -> Path:
        """Return the folder that stands for the tree in which the build ran."""
        return self.folder / _CONTENT

    @property
    def is_whole(self) -> bool:
        """Return whether the content is what was stored."""
        return tree_digest(self.content).value == self.digest


@dataclass(frozen=True)
class Artifacts:
    """The artifacts of one repository."""

    folder: Path

    def build_lock(self, key: str) -> EntryLock:
        """Return a new lock object, not locked: exclusive while an artifact of a key is built."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return EntryLock(lock_file(self.folder / _short(key)))

    def lock(self, artifact: Artifact) -> EntryLock:
        """Return a new lock object, not locked: shared while an artifact is used."""
        return EntryLock(lock_file(artifact.folder))

    def of_key(self, key: str) -> Iterator[Artifact]:
        """Yield the artifacts of a key; before one is used, it has to be locked and read again."""
        for folder in self.folder.glob(f"{_short(key)}-*"):
            if artifact := _read(folder):
                yield artifact

    def named(self, name: str) -> Artifact | None:
        """Return the artifact of this name; None if there is none."""
        return _read(self.folder / name)

    def use(self, artifact: Artifact) -> None:
        """Set the time of use."""
        with suppress(FileNotFoundError):
            os.utime(artifact.folder)

    def store(self, key: str, fill: Callable[[Path], Built]) -> Artifact:
        """Store an artifact.

        `fill` creates the folder that it is given with the content, and returns the description.
        Raise what it raises, and OSError if the disk is full; then nothing is stored.
        """
        draft = self.folder / f".draft-{secrets.token_hex(4)}"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.mkdir(mode=0o700)
        try:
            built = fill(draft / _CONTENT)
            digest = tree_digest(draft / _CONTENT).value
            note = json.dumps({**asdict(built), "digest": digest}, sort_keys=True)
            (draft / _NOTE).write_text(note, encoding="utf-8")
            # Of the description as well: other warnings, for example, are another artifact.
            name = f"{_short(key)}-{hashlib.sha256(note.encode()).hexdigest()[:12]}"
            put_in_place(draft, self.folder / name)
        finally:
            remove(draft)
        self._remove_least_recently_used(self.folder / name)
        return Artifact(self.folder / name, built, digest)

    def drop(self, folder: Path) -> None:
        """Remove an artifact."""
        former = self.folder / f".former-{secrets.token_hex(4)}"
        with suppress(FileNotFoundError):
            folder.rename(former)
            remove(former)

    def _remove_least_recently_used(self, new: Path) -> None:
        for entry in least_recently_used(self.folder, _KEPT_PER_REPOSITORY, holding=_NOTE):
            if entry != new:
                with unused(entry) as is_unused:
                    if is_unused:
                        self.drop(entry)
        self._remove_locks()

    def _remove_locks(self) -> None:
        """Remove the locks that no artifact has."""
        needed = {lock_file(folder) for folder in self.folder.glob("*-*")}
        for file in self.folder.glob("*.lock"):
            with suppress(FileNotFoundError):
                if file not in needed and file.stat().st_mtime < time.time() - IN_USE_SECONDS:
                    with closing(EntryLock(file)) as lock:
                        if lock.try_exclusive():
                            file.unlink()


def lock_file(folder: Path) -> Path:
    """Return the file of a lock: of the artifact in a folder, or of a key with this path."""
    return folder.with_name(f"{folder.name}.lock")


@contextmanager
def unused(folder: Path) -> Iterator[bool]:
    """Hold the lock of an artifact exclusively; yield False if it is in use, or was removed."""
    try:
        lock = EntryLock(lock_file(folder))
    except FileNotFoundError:
        yield False
        return
    with closing(lock):
        yield lock.try_exclusive()


def _short(key: str) -> str:
    return key[:_KEY_LENGTH]


def _read(folder: Path) -> Artifact | None:
    """Return the artifact in a folder; None if there is none, or of another version."""
    try:
        note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
        digest = note.pop("digest")
        warnings = tuple(Message(**each) for each in note.pop("warnings"))
        built = Built(**{**note, "packages": tuple(note["packages"]), "warnings": warnings})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Artifact(folder, built, digest)
