"""Check out repositories into one tree, with mirrors and limits of a test."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mprelease.process.tree import Stop
from mprelease.source import checkout
from mprelease.source.git import Git
from mprelease.source.mirror import ResolvedRef
from mprelease.source.repository import Repository


@dataclass
class CheckoutHarness:
    """Folders for mirrors and one tree, and the lines of git."""

    folder: Path
    lines: list[str] = field(default_factory=list)
    stop: Stop = field(default_factory=Stop)
    on_line: Callable[[str], None] = lambda _: None
    path: str = os.environ["PATH"]
    disk_limit: int | None = None
    memory_limit: int | None = None

    @property
    def mirrors(self) -> Path:
        """Return the folder of all mirrors."""
        return self.folder / "mirrors"

    @property
    def tree(self) -> Path:
        """Return the tree."""
        return self.folder / "slot" / "tree"

    def git(self, time_limit: float = 60) -> Git:
        """Return git with a new time limit, in seconds."""
        return Git(
            self.mirrors,
            {"PATH": self.path},
            stop=self.stop,
            on_line=self._add_line,
            time_limit=time_limit,
            disk_limit=self.disk_limit,
            memory_limit=self.memory_limit,
        )

    def fetch(self, repository: Path | Repository, ref: str) -> ResolvedRef:
        """Fetch a ref."""
        return checkout.fetch(self.git(), _repository(repository), ref)

    def check_out(
        self, repository: Path | Repository, ref: str = "main", user: int | None = None
    ) -> ResolvedRef:
        """Fetch a ref and place it."""
        git, repository = self.git(), _repository(repository)
        fetched = checkout.fetch(git, repository, ref)
        checkout.place(git, repository, fetched, self.tree, user)
        return fetched

    def mirror(self) -> Path:
        """Return the one mirror."""
        (mirror,) = self.mirrors.glob("*.git")
        return mirror

    def names(self) -> set[str]:
        """Return the files of the tree, without its git folder."""
        files = (path for path in self.tree.rglob("*") if path.is_symlink() or path.is_file())
        names = {str(path.relative_to(self.tree)) for path in files}
        return {name for name in names if not name.startswith(".git/")}

    def _add_line(self, line: str) -> None:
        self.lines.append(line)
        self.on_line(line)


def _repository(repository: Path | Repository) -> Repository:
    return repository if isinstance(repository, Repository) else Repository(str(repository))
