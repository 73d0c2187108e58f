"""The refs of a repository that can be released: branches, tags, and newest commits."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mprelease.domain.errors import StageFailed
from mprelease.domain.releases import Commit
from mprelease.source.git import Git
from mprelease.source.mirror import Mirror
from mprelease.source.repository import Repository, is_offered

_BRANCH, _TAG = "refs/heads/", "refs/tags/"
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# As many as fit on a command line.
_MOST_COMMITS = 1000


@dataclass(frozen=True)
class Refs:
    """The names of branches and tags, in alphabetical order, and commits of branches.

    A tag with the name of a branch is listed as `refs/tags/…`, because its short name resolves to
    the branch.
    """

    branches: tuple[str, ...]
    tags: tuple[str, ...]
    # By ref, the commits that are stored here: of refs that were fetched before.
    commits: Mapping[str, Commit] = field(default_factory=dict)


def refs(git: Git, repository: Repository) -> Refs:
    """List the branches and tags on the repository's host; raise StageFailed."""
    lines: list[str] = []
    mirror = Mirror(git.with_listener(lines.append), repository)
    mirror.ls_remote("--heads", "--tags", "--refs")
    found = {name: commit for commit, _, name in (line.partition("\t") for line in lines)}
    branches = _under(_BRANCH, found)
    shadowed = frozenset(branches)
    tags = (f"{_TAG}{name}" if name in shadowed else name for name in _under(_TAG, found))
    return Refs(branches, tuple(sorted(tags)), _stored(mirror, found, branches))


def _stored(
    mirror: Mirror, found: Mapping[str, str], branches: tuple[str, ...]
) -> Mapping[str, Commit]:
    ids = {name: found[f"{_BRANCH}{name}"] for name in branches[:_MOST_COMMITS]}
    wanted = [each for each in dict.fromkeys(ids.values()) if _ID.fullmatch(each)]
    if not wanted:
        return {}
    try:
        stored = {commit.id: commit for commit in mirror.stored(wanted)}
    except StageFailed:
        return {}  # The names are worth more than what stands beside them.
    return {name: stored[each] for name, each in ids.items() if each in stored}


def commits(git: Git, repository: Repository, ref: str, count: int) -> tuple[Commit, ...]:
    """Return the newest commits of a branch, tag or commit, the newest first; raise StageFailed."""
    return Mirror(git, repository).newest(ref, count)


def _under(prefix: str, names: Iterable[str]) -> tuple[str, ...]:
    own = (name.removeprefix(prefix) for name in names if name.startswith(prefix))
    # The host's answer is not trusted: names that cannot be released are dropped.
    return tuple(sorted(name for name in own if is_offered(name)))
