"""Where everything lies in the data folder.

Everything is private (0700) except the way to the workspaces, which a build under another user
id must be able to walk, not to list.
"""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from mprelease.domain.apps import Environment
from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem

_PRIVATE = 0o700
_PRIVATE_FILE = 0o600
_WALKABLE = 0o711


@dataclass(frozen=True)
class Workspace:
    """The fixed folders of one repository and slot: bundler caches hold absolute paths."""

    folder: Path

    @property
    def tree(self) -> Path:
        """Return the folder of the sources, exactly one commit at a time."""
        return self.folder / "tree"

    def home(self, environment: Environment) -> Path:
        """Return the HOME of installs and builds; production has its own, which no other fills."""
        return self.folder / f"home-{environment}"


@dataclass(frozen=True)
class Layout:
    """Name the folders and files below one data folder."""

    data: Path

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
    def _scratch(self) -> Path:
        return self.data / "scratch"

    def workspace(self, repository: str, slot: int) -> Workspace:
        """Return the workspace of a repository in a slot, with its folders made."""
        folder = self.data / "workspaces" / key_of(repository) / str(slot)
        for part in (folder.parent.parent, folder.parent, folder):
            _make(part, _WALKABLE)
        return Workspace(folder)

    def dependencies(self, repository: str) -> Path:
        """Return the folder of the kept dependencies of a repository."""
        return self.data / "dependencies" / key_of(repository)

    def scratch(self, name: str) -> Path:
        """Return a private, empty folder for one process that publishes."""
        folder = self._scratch / name
        shutil.rmtree(folder, ignore_errors=True)
        _make(self._scratch, _WALKABLE)
        _make(folder, _PRIVATE)
        return folder

    def clear_scratch(self) -> None:
        """Remove what an earlier life left behind; only for the owner of the data folder."""
        shutil.rmtree(self._scratch, ignore_errors=True)


def prepared(data: Path) -> Layout:
    """Make the data folder if needed; raise Refused when it cannot be used."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        data.chmod(_WALKABLE)
        for private in ("mirrors", "managers", "dependencies"):
            _make(data / private, _PRIVATE if private != "managers" else _WALKABLE)
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


def _make(folder: Path, mode: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(mode)
