"""The layout of the data folder.

All folders are private (0700). If confined commands run under other user ids without mounts, the
folders above their own have mode 0711: other users can pass through them, not list them.
"""

import hashlib
import os
import re
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.process.removal import remove

_PRIVATE = 0o700
_PRIVATE_FILE = 0o600
_WALKABLE = 0o711
_OF_APP = re.compile(r"[0-9a-f]+-(\d+)", re.ASCII)


BUILD = Path("/build")
"""The path at which confined commands find workspaces, if there are mounts."""


@dataclass(frozen=True)
class Workspace:
    """The folders in which one repository is installed or built.

    `shown` is the path of `folder` for confined commands: with mounts it is constant per
    repository, because bundler caches hold absolute paths; else it is `folder`.
    """

    folder: Path
    shown: Path

    @property
    def tree(self) -> Path:
        """Return the folder of the sources, exactly one commit at a time."""
        return self.folder / "tree"

    @property
    def home(self) -> Path:
        """Return the HOME of the commands, new for each release."""
        return self.folder / "home"

    @property
    def temporary(self) -> Path:
        """Return the folder for temporary files, new for each release."""
        return self.folder / "tmp"

    @property
    def caches(self) -> Path:
        """Return the folder of the caches that the running build writes."""
        return self.folder / "caches"

    def seen(self, path: Path) -> Path:
        """Return the path by which confined commands find a path of the workspace."""
        return self.shown / path.relative_to(self.folder)


@dataclass(frozen=True)
class Layout:
    """The folders and files of one data folder.

    With `is_walkable` other users can pass through to the folders that belong to them, without
    listing any; needed only without mounts.
    """

    data: Path
    is_walkable: bool = False

    @property
    def database(self) -> Path:
        """Return the file of the SQLite database."""
        return self.data / "mprelease.db"

    @property
    def master_key(self) -> Path:
        """Return the file of the master key."""
        return self.data / "master.key"

    @property
    def owner_lock(self) -> Path:
        """Return the file whose lock makes a process the owner of the data folder."""
        return self.data / "owner.lock"

    @property
    def worker_tick(self) -> Path:
        """Return the file that the folder's worker touches at each tick, about every 2 s."""
        return self.data / "worker.tick"

    @property
    def wakeup_socket(self) -> Path:
        """Return the socket by which other processes wake the folder's worker."""
        return self.data / "wakeup.socket"

    @property
    def migration_lock(self) -> Path:
        """Return the file whose lock lets one process migrate at a time."""
        return self.data / "migration.lock"

    @property
    def mirrors(self) -> Path:
        """Return the folder of the bare mirrors."""
        return self.data / "mirrors"

    @property
    def managers(self) -> Path:
        """Return the folder of the pinned package managers."""
        return self.data / "managers"

    @property
    def runtimes(self) -> Path:
        """Return the folder of the installed versions of Node, and by default of the tools."""
        return self.data / "tools"

    @property
    def workspaces(self) -> Path:
        """Return the folder of the workspaces."""
        return self.data / "workspaces"

    @property
    def dependency_sets(self) -> Path:
        """Return the folder of the dependency sets."""
        return self.data / "dependency-sets"

    @property
    def caches(self) -> Path:
        """Return the folder of the build caches, by scope."""
        return self.data / "caches"

    @property
    def artifacts(self) -> Path:
        """Return the folder of the artifacts: what builds have made."""
        return self.data / "artifacts"

    @property
    def compile_results(self) -> Path:
        """Return the folder of what the vendors' tools have compiled."""
        return self.data / "compile-results"

    @property
    def stores(self) -> Path:
        """Return the folder of the package managers' stores."""
        return self.data / "stores"

    @property
    def trash(self) -> Path:
        """Return the folder of what is being removed."""
        return self.data / "trash"

    def repository_lock(self, key: str) -> Path:
        """Return the file whose lock shows that a release uses the folders of a repository.

        `key` is the repository's, from `key_of`.
        """
        return self.data / "locks" / f"{key}.lock"

    def walkable(self) -> "Layout":
        """Return a layout whose folders other users can pass through, and set their modes."""
        return self._with_modes(is_walkable=True)

    def private(self) -> "Layout":
        """Return a layout whose folders are all private, and set their modes."""
        return self._with_modes(is_walkable=False)

    def _with_modes(self, *, is_walkable: bool) -> "Layout":
        for folder in (self.data, self.managers, self.runtimes):
            _make(folder, _WALKABLE if is_walkable else _PRIVATE)
        return replace(self, is_walkable=is_walkable)

    def workspace(self, repository: str, slot: int, *, constant: bool) -> Workspace:
        """Return the workspace of a repository in a slot, and create its folder.

        With `constant`, mounts show it at the same path in every slot.
        """
        key = key_of(repository)
        folder = self.workspaces / key / str(slot)
        for part in (folder.parent.parent, folder.parent):
            _make(part, self._parent_mode)
        folder.mkdir(mode=_PRIVATE, exist_ok=True)
        return Workspace(folder, BUILD / key if constant else folder)

    def install_place(self, repository: str, key: str, *, constant: bool) -> Workspace:
        """Return an empty workspace for the install of one dependency set.

        The caller must hold the set's exclusive lock: see dependency_sets.DependencySets.acquire.
        """
        folder = self.data / "installs" / f"{key_of(repository)}-{key[:16]}"
        _make(folder.parent, self._parent_mode)
        remove(folder)
        folder.mkdir(mode=_PRIVATE)
        return Workspace(folder, BUILD / key_of(repository) if constant else folder)

    def scratch(self, name: str) -> Path:
        """Return an empty private folder for one publishing process."""
        folder = self._scratch / name
        remove(folder)
        _make(self._scratch, self._parent_mode)
        _make(folder, _PRIVATE)
        return folder

    def clear_leftovers(self) -> None:
        """Remove leftovers of an earlier process; only for the owner of the data folder."""
        drafts = (*self.runtimes.glob(".draft-*"), *self.runtimes.glob(".former-*"))
        leftovers = (self._scratch, self.trash, self.data / "installs", *drafts)
        for folder in (*leftovers, *self._former_folders()):
            remove(folder)
        for workspace in self.workspaces.glob("*/*"):
            workspace.chmod(_PRIVATE)

    def _former_folders(self) -> tuple[Path, ...]:
        """Return the folders that versions before 0.1 kept between releases."""
        homes = (
            *self.workspaces.glob("*/*/home-*"),
            *self.workspaces.glob("*/*/dependencies.json"),
        )
        return (self.data / "dependencies", *homes)

    @property
    def _scratch(self) -> Path:
        return self.data / "scratch"

    @property
    def _parent_mode(self) -> int:
        return _WALKABLE if self.is_walkable else _PRIVATE


def prepared(data: Path) -> Layout:
    """Create the data folder if needed; raise Refused(DATA_FOLDER_UNUSABLE)."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        # Folders that builds of a running worker pass through keep their mode.
        _make(data / "mirrors", _PRIVATE)
        for folder in (data, data / "managers"):
            if not _is_walkable(folder):
                _make(folder, _PRIVATE)
        # SQLite creates its other files (WAL, shared memory) with the same mode.
        (data / "mprelease.db").touch(mode=_PRIVATE_FILE)
    except OSError as error:
        raise Refused(
            Problem.DATA_FOLDER_UNUSABLE, folder=str(data), detail=error.strerror or str(error)
        ) from None
    return Layout(data)


def key_of(repository: str) -> str:
    """Return a short name for a repository that does not reveal its address."""
    return hashlib.sha256(repository.encode()).hexdigest()[:16]


def of_app(name: str, app_id: int) -> str:
    """Return the name, in a store, of an entry that is of use to one app alone."""
    return f"{name}-{app_id}"


def app_of(name: str) -> int | None:
    """Return the id of the app that an entry of a store is for; None if its name has none."""
    found = _OF_APP.fullmatch(name)
    return int(found[1]) if found else None


def _is_walkable(folder: Path) -> bool:
    return folder.is_dir() and stat.S_IMODE(folder.stat().st_mode) == _WALKABLE


def _make(folder: Path, mode: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # An ordinary user may be given a volume that belongs to root, as Kubernetes does; what is
    # created in it is private all the same.
    if os.geteuid() in {0, folder.stat().st_uid}:
        folder.chmod(mode)
