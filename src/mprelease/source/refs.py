"""What a repository offers for a release: branches, tags, and the newest commits of one."""

from dataclasses import dataclass

from mprelease.domain.releases import Commit
from mprelease.source.git import Git
from mprelease.source.mirror import Mirror
from mprelease.source.repository import Repository, is_offered

_BRANCH, _TAG = "refs/heads/", "refs/tags/"


@dataclass(frozen=True)
class Refs:
    """The names of branches and tags, in the order of the alphabet.

    A tag that has the name of a branch is named in full: by the bare name, which whoever may push a
    branch can take, one would get the branch.
    """

    branches: tuple[str, ...]
    tags: tuple[str, ...]


def refs(git: Git, repository: Repository) -> Refs:
    """Ask the repository's host for its branches and tags; raise StageFailed."""
    told: list[str] = []
    Mirror(git.heard_by(told.append), repository).ask_host("--heads", "--tags", "--refs")
    names = [line.partition("\t")[2] for line in told]
    branches = _under(_BRANCH, names)
    hidden = frozenset(branches)
    tags = (f"{_TAG}{name}" if name in hidden else name for name in _under(_TAG, names))
    return Refs(branches, tuple(sorted(tags)))


def commits(git: Git, repository: Repository, ref: str, count: int) -> tuple[Commit, ...]:
    """Return the newest commits of a branch, tag or commit, the newest first; raise StageFailed."""
    return Mirror(git, repository).newest(ref, count)


def _under(prefix: str, names: list[str]) -> tuple[str, ...]:
    own = (name.removeprefix(prefix) for name in names if name.startswith(prefix))
    # A host may say anything; what could not be released is no choice.
    return tuple(sorted(name for name in own if is_offered(name)))
