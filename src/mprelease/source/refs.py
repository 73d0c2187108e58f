"""The refs of a repository that can be released: branches, tags, and newest commits."""

from dataclasses import dataclass

from mprelease.domain.releases import Commit
from mprelease.source.git import Git
from mprelease.source.mirror import Mirror
from mprelease.source.repository import Repository, is_offered

_BRANCH, _TAG = "refs/heads/", "refs/tags/"


@dataclass(frozen=True)
class Refs:
    """The names of branches and tags, in alphabetical order.

    A tag with the name of a branch is listed as `refs/tags/…`, because its short name resolves to
    the branch.
    """

    branches: tuple[str, ...]
    tags: tuple[str, ...]


def refs(git: Git, repository: Repository) -> Refs:
    """List the branches and tags on the repository's host; raise StageFailed."""
    lines: list[str] = []
    Mirror(git.with_listener(lines.append), repository).ls_remote("--heads", "--tags", "--refs")
    names = [line.partition("\t")[2] for line in lines]
    branches = _under(_BRANCH, names)
    shadowed = frozenset(branches)
    tags = (f"{_TAG}{name}" if name in shadowed else name for name in _under(_TAG, names))
    return Refs(branches, tuple(sorted(tags)))


def commits(git: Git, repository: Repository, ref: str, count: int) -> tuple[Commit, ...]:
    """Return the newest commits of a branch, tag or commit, the newest first; raise StageFailed."""
    return Mirror(git, repository).newest(ref, count)


def _under(prefix: str, names: list[str]) -> tuple[str, ...]:
    own = (name.removeprefix(prefix) for name in names if name.startswith(prefix))
    # The host's answer is not trusted: names that cannot be released are dropped.
    return tuple(sorted(name for name in own if is_offered(name)))
