"""Where everything lies in the data folder.

Everything is private (0700). Where confined commands run under other user ids without mounts, the
ways to what belongs to them can be walked by others, not listed (0711).
"""

import hashlib
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.process.removal import remove

_PRIVATE = 0o700
_PRIVATE_FILE = 0o600
_WALKABLE = 0o711


BUILD = Path("/build")
"""Where confined commands find workspaces, where mounts make that possible."""


@dataclass(frozen=True)
class Workspace:
    """The folders in which one repository is installed or built.

    `shown` is where confined commands find them: constant per repository where there are mounts,
    because bundler caches hold absolute paths; else the folder itself.
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
        """Return where a confined command finds a path of the workspace."""
        return self.shown / path.relative_to(self.folder)


@dataclass(frozen=True)
class Layout:
    """Name the folders and files below one data folder.

    `is_walkable` lets other users pass through to the folders that belong to them, without listing
    any: only where there are no mounts.
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
    def workspaces(self) -> Path:
        """Return the folder of the workspaces."""
        return self.data / "workspaces"

    @property
    def dependency_sets(self) -> Path:
        """Return the folder of the dependency sets."""
        return self.data / "dependency-sets"

    @property
    def caches(self) -> Path:
        """Return the folder of the caches that builds have given back, by scope."""
        return self.data / "caches"

    @property
    def stores(self) -> Path:
        """Return the folder of the package managers' stores."""
        return self.data / "stores"

    def walkable(self) -> "Layout":
        """Return the same layout with ways for other users, and open them."""
        return self._with_ways(is_walkable=True)

    def private(self) -> "Layout":
        """Return the same layout without ways for other users, and close those of former days."""
        return self._with_ways(is_walkable=False)

    def _with_ways(self, *, is_walkable: bool) -> "Layout":
        for folder in (self.data, self.managers):
            _make(folder, _WALKABLE if is_walkable else _PRIVATE)
        return replace(self, is_walkable=is_walkable)

    def workspace(self, repository: str, slot: int, *, constant: bool) -> Workspace:
        """Return the workspace of a repository in a slot, with its folder made.

        `constant` where mounts can show it at the same path whatever the slot.
        """
        key = key_of(repository)
        folder = self.workspaces / key / str(slot)
        for part in (folder.parent.parent, folder.parent):
            _make(part, self._way)
        folder.mkdir(mode=_PRIVATE, exist_ok=True)
        return Workspace(folder, BUILD / key if constant else folder)

    def install_place(self, repository: str, key: str, *, constant: bool) -> Workspace:
        """Return an empty workspace for the install of one dependency set.

        Never used by two at a time: see dependency_sets.DependencySets.locked.
        """
        folder = self.data / "installs" / f"{key_of(repository)}-{key[:16]}"
        _make(folder.parent, self._way)
        remove(folder)
        folder.mkdir(mode=_PRIVATE)
        return Workspace(folder, BUILD / key_of(repository) if constant else folder)

    def scratch(self, name: str) -> Path:
        """Return a private, empty folder for one process that publishes."""
        folder = self._scratch / name
        remove(folder)
        _make(self._scratch, self._way)
        _make(folder, _PRIVATE)
        return folder

    def clear_leftovers(self) -> None:
        """Remove what an earlier life left behind; only for the owner of the data folder."""
        for folder in (self._scratch, self.data / "installs", *self._former_folders()):
            remove(folder)
        for workspace in self.workspaces.glob("*/*"):
            workspace.chmod(_PRIVATE)

    def _former_folders(self) -> tuple[Path, ...]:
        """Return what up to 0.1 kept between releases, and nobody trusts any more."""
        homes = (
            *self.workspaces.glob("*/*/home-*"),
            *self.workspaces.glob("*/*/dependencies.json"),
        )
        return (self.data / "dependencies", *homes)

    @property
    def _scratch(self) -> Path:
        return self.data / "scratch"

    @property
    def _way(self) -> int:
        return _WALKABLE if self.is_walkable else _PRIVATE


def prepared(data: Path) -> Layout:
    """Make the data folder if needed; raise Refused when it cannot be used."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        # A command that only reads leaves open what a worker's builds are walking through.
        _make(data / "mirrors", _PRIVATE)
        for folder in (data, data / "managers"):
            if not _is_walkable(folder):
                _make(folder, _PRIVATE)
        # SQLite gives the files beside it the same mode.
        (data / "mprelease.db").touch(mode=_PRIVATE_FILE)
    except OSError as error:
        raise Refused(
            Problem.DATA_FOLDER_UNUSABLE, folder=str(data), detail=error.strerror or str(error)
        ) from None
    return Layout(data)


def key_of(repository: str) -> str:
    """Return a short name for a repository that says nothing of its address."""
    return hashlib.sha256(repository.encode()).hexdigest()[:16]


def _is_walkable(folder: Path) -> bool:
    return folder.is_dir() and stat.S_IMODE(folder.stat().st_mode) == _WALKABLE


def _make(folder: Path, mode: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(mode)
