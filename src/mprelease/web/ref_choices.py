"""The branches, tags and recent refs that the form of a release offers, and unknown ones."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mprelease.domain.errors import ProblemError
from mprelease.domain.releases import Release
from mprelease.domain.worker_queries import WorkerQuery, WorkerQueryKind
from mprelease.schemas.apps import App
from mprelease.storage import projects
from mprelease.web.context import WebContext

_SHOWN = 200
_RECENT = 5
_SECONDS, _AGE = 25.0, 30.0
# A form that is sent does not wait longer for the answer; then the release checks it.
_SENT_SECONDS = 4.0
_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")


@dataclass(frozen=True)
class RefOption:
    """A ref with its newest commit, as far as it is known; `at` in ms since the epoch."""

    name: str
    commit: str = ""
    subject: str = ""
    author: str = ""
    at: int | None = None


@dataclass(frozen=True)
class RefGroup:
    """Refs under one title, a message id."""

    title: str
    options: Sequence[RefOption]


@dataclass(frozen=True)
class RefChoices:
    """The groups that are offered; `is_whole`: no other ref matches."""

    groups: Sequence[RefGroup]
    is_whole: bool


def listed(
    context: WebContext, app: App, *, max_age: float = _AGE, seconds: float = _SECONDS
) -> Mapping[str, Any]:
    """Return the refs of an app's repository from a worker; raise Refused or StageFailed."""
    with context.services.database.reading() as db:
        project = projects.by_id(db, app.project_id)
    query = WorkerQuery(WorkerQueryKind.REFS, project.name)
    return context.ask(app.label, query, seconds=seconds, max_age=max_age)


def choices(facts: Mapping[str, Any], own: Iterable[Release], text: str) -> RefChoices:
    """Return what matches a text in name, author or subject: own refs, branches, tags."""
    known = {name: _option(name, commit) for name, commit in facts.get("commits", {}).items()}
    branches = [known.get(name) or RefOption(name) for name in facts.get("branches", [])]
    branches.sort(key=lambda one: -(one.at or 0))
    tags = [RefOption(name) for name in reversed(facts.get("tags", []))]
    recent = [known.get(one.name, one) for one in recent_of(own)]
    groups = [
        RefGroup(title, [one for one in options if _matches(one, text.casefold())])
        for title, options in (
            ("web.refs_own", recent),
            ("web.refs_recent" if known else "web.refs_branches", branches),
            ("web.refs_tags", tags),
        )
    ]
    left, shown = _SHOWN, []
    for group in groups:
        shown.append(RefGroup(group.title, group.options[:left]))
        left -= len(shown[-1].options)
    count = sum(len(group.options) for group in groups)
    return RefChoices([group for group in shown if group.options], count <= _SHOWN)


def recent_of(own: Iterable[Release]) -> list[RefOption]:
    """Return the refs of a user's last releases, the newest first, each once."""
    found: dict[str, RefOption] = {}
    for release in own:
        name, commit = release.shown_ref, release.commit
        if name not in found and not _COMMIT.fullmatch(name):
            made = _option(name, vars(commit)) if commit else RefOption(name)
            found[name] = made
    return list(found.values())[:_RECENT]


def is_unknown(context: WebContext, app: App, ref: str) -> bool:
    """Return whether the repository has no such branch or tag; False if that is not known.

    Commits are not listed by a host, so each text that may be one counts as known.
    """
    if not ref or _COMMIT.fullmatch(ref):
        return False
    try:
        if _has(listed(context, app, seconds=_SENT_SECONDS), ref):
            return False
        # It may have been pushed a moment ago.
        return not _has(listed(context, app, seconds=_SENT_SECONDS, max_age=0), ref)
    except ProblemError:
        return False


def _has(facts: Mapping[str, Any], ref: str) -> bool:
    branches, tags = facts.get("branches", []), facts.get("tags", [])
    short = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    return ref == "HEAD" or short in branches or short in tags or ref in tags


def _option(name: str, commit: Mapping[str, Any]) -> RefOption:
    return RefOption(name, commit["id"], commit["subject"], commit["author"], 1000 * commit["time"])


def _matches(one: RefOption, text: str) -> bool:
    return any(text in each.casefold() for each in (one.name, one.subject, one.author))
