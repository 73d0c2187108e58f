"""Submodules: the repositories and commits that belong into a tree."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from mprelease.domain.errors import Refused, StageFailed
from mprelease.domain.problems import Problem
from mprelease.source.access import Access
from mprelease.source.commit_tree import Gitlink, Listing
from mprelease.source.local_paths import is_near
from mprelease.source.mirror import Mirror
from mprelease.source.repository import (
    Repository,
    check_url,
    host_of,
    is_local,
    origin_of,
    without_login,
)


@dataclass(frozen=True)
class Submodule:
    """A commit of another repository, and its path in the parent's tree."""

    path: str
    commit: str
    repository: Repository


def submodules(
    mirror: Mirror, parent: Repository, commit: str, listed: Listing
) -> tuple[Submodule, ...]:
    """Return the submodules of a commit that have a URL in its `.gitmodules`.

    The file is read from the commit, not from the tree, which a build could change. Raise
    StageFailed: GIT_PROTOCOL_REFUSED for a URL that is not allowed, SUBMODULE_TOO_FAR for a local
    repository elsewhere.
    """
    if not listed.links or ".gitmodules" not in listed.files:
        return ()
    urls = _urls(mirror, commit)
    return tuple(
        _submodule(parent, link, urls[link.path]) for link in listed.links if link.path in urls
    )


def resolved(parent: str, url: str) -> str:
    """Return the URL of a submodule, which may be relative to its parent's.

    Each `../` removes one part of the parent's path; the host cannot be removed.
    """
    if not url.startswith(("./", "../")):
        return url
    base = parent.rstrip("/")
    while url.startswith(("./", "../")):
        step, _, url = url.partition("/")
        if step == "..":
            base = base[: max(base.rfind("/" if "/" in base else ":"), 0)]
    separator = ":" if host_of(parent) and "/" not in base and ":" not in base else "/"
    return f"{base}{separator}{url}"


def _submodule(parent: Repository, link: Gitlink, given: str) -> Submodule:
    url = resolved(parent.url, given)
    relative = url != given
    try:
        url = check_url(url)
    except Refused as refused:
        raise _refused(url) from refused
    if is_local(url):
        _refuse_far(parent.url, url)
    if relative and host_of(url) != host_of(parent.url):
        raise _refused(url)
    return Submodule(link.path, link.commit, Repository(url, _access(parent, url)))


def _access(parent: Repository, url: str) -> Access:
    """Return the parent's credentials for the same origin, else none.

    For other origins, chosen by committers, the machine's logins are not used either.
    """
    is_own = origin_of(url) == origin_of(parent.url)
    return parent.access if is_own else Access(has_machine_login=False)


def _refuse_far(parent: str, url: str) -> None:
    """Raise StageFailed for a local repository that is not near a local parent."""
    if not is_local(parent):
        raise _refused(url)
    if not is_near(url, parent):
        raise StageFailed(Problem.SUBMODULE_TOO_FAR, repository=url)


def _refused(url: str) -> StageFailed:
    return StageFailed(Problem.GIT_PROTOCOL_REFUSED, repository=without_login(url))


def _urls(mirror: Mirror, commit: str) -> Mapping[str, str]:
    answer = mirror.output(
        "config", "--blob", f"{commit}:.gitmodules", "-z", "--get-regexp", r"^submodule\..*"
    )
    paths, urls = dict[str, str](), dict[str, str]()
    for line in answer.split(b"\0")[:-1]:
        key, _, value = os.fsdecode(line).partition("\n")
        name, _, variable = key.rpartition(".")
        if variable == "path":
            paths[name] = value.rstrip("/")
        elif variable == "url":
            urls[name] = value
    return {path: urls[name] for name, path in paths.items() if name in urls}
