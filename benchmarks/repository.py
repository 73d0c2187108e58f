"""Create git repositories for benchmarks, and update clones with plain git commands."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

_SETTINGS = (
    *("-c", "user.name=mprelease", "-c", "user.email=mprelease@example.invalid"),
    *("-c", "commit.gpgSign=false"),
)


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder; raise CalledProcessError if it fails."""
    command = ("git", *_SETTINGS, *arguments)
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def make(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Create a repository with one commit on its branch `main`, and return its folder."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder)
    return folder


def clone(repository: Path, folder: Path) -> Path:
    """Clone a repository, and return the clone's folder."""
    git(repository, "clone", "--quiet", str(repository), str(folder))
    return folder


def update(folder: Path) -> None:
    """Update a clone to the newest commit of `main`, and remove untracked files."""
    git(folder, "fetch", "--quiet", "origin", "main")
    git(folder, "reset", "--quiet", "--hard", "FETCH_HEAD")
    git(folder, "clean", "--quiet", "-ffdx", "--exclude=node_modules")


class Changes:
    """Commit repeated changes of one file in a repository."""

    def __init__(self, repository: Path, name: str, form: str = "module.exports =") -> None:
        """Set the repository and the file's name; its content becomes JavaScript: `form` number."""
        self._form = form
        self._repository = repository
        self._name = name
        self._count = 0

    @property
    def text(self) -> str:
        """Return the file's content after the newest commit."""
        return f"{self._form} {self._count}\n"

    def commit(self) -> None:
        """Commit the next change."""
        self._count += 1
        (self._repository / self._name).write_text(self.text, encoding="utf-8")
        commit(self._repository)


def commit(folder: Path) -> None:
    """Commit all changes of a repository."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=change")
