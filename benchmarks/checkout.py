"""A warm checkout of a large repository, compared to git clone and git fetch by a script."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks import repository
from benchmarks.measuring import InvalidMeasurement, Measurement, Of, Target, medians
from benchmarks.repository import Changes, clone, update
from mprelease.process.tree import Stop
from mprelease.settings.environment import machine_environment
from mprelease.source.checkout import fetch, place
from mprelease.source.git import Git
from mprelease.source.repository import Repository

_ROUNDS = 3
_FILES = 3000
_FILES_PER_FOLDER = 30
_CHANGED = "src/0/0.js"
_TIME_LIMIT = 60


def measure(folder: Path) -> list[Measurement]:
    """Update a tree of 3,000 files to a new commit that changes one of them."""
    made = repository.make(folder / "repository", _files())
    changes = Changes(made, _CHANGED)
    trees = _Trees(folder, made, changes)
    clone(made, trees.updated)
    ours, cloned, updated = medians(
        _ROUNDS, trees.check_out, trees.clone, trees.update, before=trees.next_commit
    )
    what = "warm checkout, 3,000 files, one changed"
    return [
        Measurement(what, ours, "git clone", cloned, Target(Of.RATIO, 1)),
        Measurement(what, ours, "git fetch, git reset, git clean", updated, Target(Of.ADDED, 300)),
    ]


@dataclass(frozen=True)
class _Trees:
    """Three trees of one repository, each updated in another way."""

    folder: Path
    repository: Path
    changes: Changes

    @property
    def updated(self) -> Path:
        return self.folder / "updated"

    @property
    def cloned(self) -> Path:
        return self.folder / "cloned"

    def next_commit(self) -> None:
        self.changes.commit()
        shutil.rmtree(self.cloned, ignore_errors=True)

    def check_out(self) -> None:
        known = Repository(str(self.repository))
        git = Git(
            self.folder / "mirrors",
            machine_environment(),
            stop=Stop(),
            on_line=lambda _: None,
            time_limit=_TIME_LIMIT,
        )
        tree = self.folder / "slot" / "tree"
        place(git, known, fetch(git, known, "main"), tree)
        self._refuse_old(tree)

    def clone(self) -> None:
        clone(self.repository, self.cloned)
        self._refuse_old(self.cloned)

    def update(self) -> None:
        update(self.updated)
        self._refuse_old(self.updated)

    def _refuse_old(self, tree: Path) -> None:
        if (tree / _CHANGED).read_text("utf-8") != self.changes.text:
            raise InvalidMeasurement(f"{tree.name} does not hold the newest commit")


def _files() -> dict[str, str | bytes]:
    names = (f"src/{number // _FILES_PER_FOLDER}/{number}.js" for number in range(_FILES))
    return {name: f"// {name}\n" * 40 for name in names}
