"""Errands: questions that need a worker's network or disk, answered into the database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mprelease.domain.problems import ProblemDetail


class WorkerQueryKind(StrEnum):
    """What is asked.

    `refs`: branches and tags of a project. `commits`: the newest commits of a ref. `check`: whether
    the platform accepts an app's credential. `last_version`: the newest version that the platform
    has of an app. `finish`: do the step that an upload has missed. `address`: how the worker is
    seen outside.
    """

    REFS = "refs"
    COMMITS = "commits"
    CHECK = "check"
    LAST_VERSION = "last_version"
    FINISH = "finish"
    ADDRESS = "address"


@dataclass(frozen=True)
class WorkerQuery:
    """One question: its kind, whom it is about (a name of ours), and what else it needs."""

    kind: WorkerQueryKind
    subject: str = ""
    arguments: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class QueryAnswer:
    """What came back: plain facts, or the problem that prevented them."""

    facts: Mapping[str, object] | None
    problem_detail: ProblemDetail | None = None
