"""Worker queries: requests that need a worker's network or disk, answered via the database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mprelease.domain.problems import ProblemDetail


class WorkerQueryKind(StrEnum):
    """The kind of a query.

    REFS: branches and tags of a project. COMMITS: the newest commits of a ref. CHECK: whether the
    platform accepts an app's credential. LAST_VERSION: the newest version of an app on its
    platform. TRIAL_VERSION: which of its versions the testers see. FINISH: complete an upload by
    the step that it lacks. ADDRESS: the worker's public IP address.
    """

    REFS = "refs"
    COMMITS = "commits"
    CHECK = "check"
    LAST_VERSION = "last_version"
    TRIAL_VERSION = "trial_version"
    FINISH = "finish"
    ADDRESS = "address"


@dataclass(frozen=True)
class WorkerQuery:
    """One query: its kind, the project, app or release that it concerns, and its arguments."""

    kind: WorkerQueryKind
    subject: str = ""
    arguments: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class QueryAnswer:
    """The answer to a query: facts as JSON values, or the problem that prevented an answer."""

    facts: Mapping[str, object] | None
    problem_detail: ProblemDetail | None = None
