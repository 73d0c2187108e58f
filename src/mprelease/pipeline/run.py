"""What a stage may touch, and to whom it tells what happens."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mprelease.domain.apps import App
from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Message, Problem, ProblemDetail
from mprelease.domain.projects import Project, ProjectSecret
from mprelease.domain.releases import Commit, Publication, Release, Stage, StageState
from mprelease.domain.sandbox import SandboxMode
from mprelease.i18n import Translator
from mprelease.pipeline.standby import Standby, StandbyProcess
from mprelease.platforms.driver import Driver, Route
from mprelease.process.build_users import ClaimedUser
from mprelease.process.limits import NO_LIMITS, ResourceLimits
from mprelease.process.ownership import allow_traversal, deny_traversal
from mprelease.process.sandbox import Sandbox
from mprelease.process.supervisor_protocol import MEBI
from mprelease.process.tree import Stop
from mprelease.workspace.dependency_sets import DependencySet
from mprelease.workspace.layout import Layout, Workspace


class Recorder(Protocol):
    """Be told the course of one release.

    Lines come from any thread, everything else from the thread that runs the release. Each may
    raise LeaseLost when the release is no longer ours.
    """

    def started(self, stage: Stage) -> None:
        """Hear that a stage began."""

    def line(self, text: str) -> None:
        """Hear one line of output of the running stage, already masked."""

    def ended(self, stage: Stage, state: StageState, *, cached: bool = False) -> None:
        """Hear how the running stage ended, and whether there was nothing left to do in it."""

    def checked_out(self, commit: Commit) -> None:
        """Hear which commit the ref stands for."""

    def numbered(self, version: str) -> None:
        """Hear that the release takes another version than the one that it was given."""

    def warned(self, message: Message) -> None:
        """Hear what went well enough, but should be looked at."""

    def published(self, publication: Publication) -> None:
        """Hear what the platform answered: from now on the release has reached it."""


class Fence(Protocol):
    """Guard the moment before anything is sent to a platform."""

    def cross(self) -> int:
        """Return until when sending may begin, in ms since the epoch; called when ready.

        Raise ReleaseCanceled or LeaseLost when the release may not be published any more. Called
        once, or once again after each `take_back`.
        """

    def reopen(self) -> None:
        """Undo the crossing, because the platform was certainly not told; raise LeaseLost."""


@dataclass(frozen=True)
class Job:
    """One release to be run, with everything that belongs to it."""

    release: Release
    app: App
    project: Project
    credential: str = field(repr=False)
    project_secrets: Mapping[ProjectSecret, str] = field(repr=False)


@dataclass(frozen=True)
class Node:
    """The machine's Node: its programs, the folder they live in, and their versions."""

    node: str
    npm: str
    folder: Path
    version: str
    npm_version: str


@dataclass(frozen=True)
class Limits:
    """How long each stage may take, in seconds, and the default limit of Node's heap in MiB.

    `resources` are the limits of one command of an install or build.
    """

    seconds: Mapping[Stage, int]
    node_memory: int
    resources: ResourceLimits = NO_LIMITS


@dataclass(frozen=True)
class Machine:
    """What the machine offers to every release.

    `environment` is what any program may inherit, `build_variables` what the installation passes
    through to builds. `words` are those of the installation: lines of ours in logs are written in
    them.
    """

    layout: Layout
    sandbox: Sandbox
    standby: Standby
    node: Node
    environment: Mapping[str, str]
    build_variables: Mapping[str, str]
    npm_registry: str | None
    route: Route
    limits: Limits
    words: Translator

    @property
    def has_mounts(self) -> bool:
        """Tell whether confined commands find folders elsewhere than they lie."""
        return self.sandbox.mode is SandboxMode.BWRAP

    def workspace(
        self, repository: str, slot: int, user: int | None, resources: ExitStack
    ) -> Workspace:
        """Return the workspace of a repository in a slot, open to a user id with `resources`."""
        workspace = self.layout.workspace(repository, slot, constant=self.has_mounts)
        if user is not None:
            allow_traversal(workspace.folder, user)
            resources.callback(deny_traversal, workspace.folder)
        return workspace


@dataclass(frozen=True)
class Source:
    """The code of a release, and whose it is.

    What was built from one `trust` may be read by later builds of the same one; what was built
    from the default branch may be the beginning of others. `tree_id` is git's name of everything
    that the commit holds.
    """

    trust: str
    tree_id: str
    is_default_branch: bool
    default_trust: str


@dataclass
class Run:
    """One run of one release; the stages leave here what the next ones need.

    `user` is the user id of the slot's builds, None where they run under ours. `source` says which
    code this is and who trusts it. `resources` end with the run. `version` is greater than what
    the platform has. `unreachable` is set when the platform did not answer the check of the
    credential.
    """

    job: Job
    machine: Machine
    driver: Driver
    workspace: Workspace
    stop: Stop
    recorder: Recorder
    fence: Fence
    log: "LogWriter"
    user: ClaimedUser | None = None
    source: Source | None = None
    dependencies: DependencySet | None = None
    resources: ExitStack = field(default_factory=ExitStack)
    commit: Commit | None = None
    managers: tuple[Path, ...] = ()
    publisher: StandbyProcess | None = None
    built: Path | None = None
    version: str | None = None
    is_published: bool = False
    is_being_checked: bool = False
    is_checked: threading.Event = field(default_factory=threading.Event)
    unreachable: ProblemDetail | None = None

    @property
    def folder(self) -> Path:
        """Return the app's folder in the tree: the tree itself, or a part of a monorepo."""
        return self.workspace.tree / self.job.app.build.directory

    @property
    def uid(self) -> int | None:
        """Return the user id of the slot's builds; None where they run under ours."""
        return self.user.uid if self.user else None

    @property
    def most_copied(self) -> int | None:
        """Return how many bytes a copy of what a build has made may have."""
        disk = self.machine.limits.resources.disk
        return None if disk is None else disk * MEBI

    def note(self, id: str, **parameters: str | int) -> None:  # noqa: A002 the catalog's word
        """Write a line of ours into the log, in the language of the installation."""
        self.log(self.machine.words(id, **parameters))

    def seconds(self, stage: Stage) -> int:
        """Return the time limit of a stage."""
        return self.machine.limits.seconds[stage]

    def clock(self, stage: Stage) -> Callable[[], None]:
        """Return what raises when a stop is asked, or when the stage's time is over from now on.

        For work of our own on content that somebody has written to hold us up.
        """
        seconds = self.seconds(stage)
        deadline = time.monotonic() + seconds

        def look() -> None:
            self.stop.raise_if_asked()
            if time.monotonic() > deadline:
                raise StageFailed(Problem.TIME_LIMIT, seconds=seconds)

        return look


class LogWriter(Protocol):
    """Take one line of output, mask it, and tell it."""

    def __call__(self, line: str, /) -> None:
        """Tell the line."""
