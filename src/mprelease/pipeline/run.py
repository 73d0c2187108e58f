"""The records and protocols that stages use: the run, the machine, the recorder and the fence."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mprelease.domain.codes import Lifetime
from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Message, Problem, ProblemDetail
from mprelease.domain.projects import Project, ProjectSecret
from mprelease.domain.releases import Commit, Publication, Release, Stage, StageState
from mprelease.domain.sandbox import SandboxMode
from mprelease.i18n import Translator
from mprelease.pipeline.staging import Staging
from mprelease.pipeline.standby import Standby
from mprelease.pipeline.standby_process import StandbyProcess
from mprelease.platforms.driver import Driver, Route
from mprelease.process.build_users import ClaimedUser
from mprelease.process.limits import NO_LIMITS, ResourceLimits
from mprelease.process.ownership import allow_traversal, deny_traversal
from mprelease.process.sandbox import Sandbox
from mprelease.process.supervisor_protocol import MEBI
from mprelease.process.tree import Stop
from mprelease.schemas.apps import App
from mprelease.source.mirror import ResolvedRef
from mprelease.workspace.dependency_sets import DependencySet
from mprelease.workspace.entry_lock import EntryLock
from mprelease.workspace.layout import Layout, Workspace, key_of
from mprelease.workspace.repository_lock import shared

_HOUR_MS = 3_600_000


class Recorder(Protocol):
    """Record the course of one release.

    `line` is called from any thread, everything else from the thread that runs the release. Each
    method may raise LeaseLost if the worker has lost the release.
    """

    def started(self, stage: Stage) -> None:
        """Record that a stage has begun."""

    def line(self, text: str) -> None:
        """Record one line of output of the running stage, already masked."""

    def ended(self, stage: Stage, state: StageState, *, cached: bool = False) -> None:
        """Record the end of the running stage; `cached` means that it had nothing to do."""

    def checked_out(self, commit: Commit) -> None:
        """Record the commit of the release's ref."""

    def numbered(self, version: str) -> None:
        """Record that the release gets another version than the one it was created with."""

    def chose_node(self, version: str) -> None:
        """Record the version of Node that installs and builds of the release run on."""

    def stop_bundler_cache(self) -> None:
        """Record that the app's builds use no caches of bundlers from now on."""

    def built_as(self, artifact: str) -> None:
        """Record the name of the artifact that is published."""

    def warned(self, message: Message) -> None:
        """Record a warning: the release continues, but a user should check something."""

    def published(self, publication: Publication) -> None:
        """Record the platform's result: the release has been accepted."""


class Fence(Protocol):
    """Protect against publishing a release twice: crossed before anything is sent to a platform."""

    def cross(self) -> int:
        """Return the time until which sending may begin, in ms since the epoch.

        Raise ReleaseCanceled or LeaseLost if the release may not be published any more. Called
        when everything is ready to be sent: once, and once again after each `reopen`.
        """

    def reopen(self) -> None:
        """Undo `cross`, because certainly nothing has reached the platform; raise LeaseLost."""


@dataclass(frozen=True)
class Job:
    """One release to be run, with its app, its project and their decrypted secrets."""

    release: Release
    app: App
    project: Project
    credential: str = field(repr=False)
    project_secrets: Mapping[ProjectSecret, str] = field(repr=False)


@dataclass(frozen=True)
class Node:
    """An installed Node: its executables, its folder, and the versions of Node and npm."""

    node: str
    npm: str
    folder: Path
    version: str
    npm_version: str


@dataclass(frozen=True)
class Limits:
    """The time limit of each stage in seconds, and the default limit of Node's heap in MiB.

    `resources` are the limits of one command of an install or build. Dependencies without a lock
    file are used again for `unlocked_hours`.
    """

    seconds: Mapping[Stage, int]
    node_memory: int
    unlocked_hours: int = 24
    resources: ResourceLimits = NO_LIMITS


@dataclass(frozen=True)
class Machine:
    """The parts of a worker's machine that all its releases use.

    `environment` is inherited by all programs, `build_variables` by installs and builds only.
    `words` translates mprelease's own lines in logs into the installation's language. With
    `keeps_compile_results` the vendor's tool does not compile the same files of an app again, and
    with `keeps_compiled_files` only the changed ones. `code_lifetimes` replace those of drivers,
    by `PLATFORM.KIND`.
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
    keeps_compile_results: bool = False
    keeps_compiled_files: bool = False
    code_lifetimes: Mapping[str, Lifetime] = field(default_factory=dict)

    @property
    def has_mounts(self) -> bool:
        """Return whether the sandbox mounts folders, so that paths in it differ."""
        return self.sandbox.mode is SandboxMode.BWRAP

    def workspace(
        self, repository: str, slot: int, user: int | None, resources: ExitStack
    ) -> Workspace:
        """Return the workspace of a repository in a slot.

        Until `resources` is closed the repository's folders are not removed, and a user id, if
        given, can traverse the workspace's.
        """
        resources.enter_context(shared(self.layout.repository_lock(key_of(repository))))
        workspace = self.layout.workspace(repository, slot, constant=self.has_mounts)
        os.utime(workspace.folder)
        if user is not None:
            allow_traversal(workspace.folder, user)
            resources.callback(deny_traversal, workspace.folder)
        return workspace


@dataclass(frozen=True)
class Source:
    """The code of a release, and who controls it.

    Caches of a build are used by later builds of the same `trust`; those of the default branch are
    also the initial caches of others (`default_trust`). `tree_id` is git's id of the commit's tree.
    """

    trust: str
    tree_id: str
    is_default_branch: bool
    default_trust: str


@dataclass
class Run:
    """One run of one release; the stages store here what later ones need.

    `user` is the user id of the slot's builds, None if they run under the worker's. `resources` is
    closed after the end of the release is recorded. `version`, if set, replaces the release's own,
    because the platform already has a greater or equal one. `unreachable` is set if the platform
    did not answer the check of the credential. `chosen_node` replaces the machine's Node, and
    `runs_node` is set if one runs. `packages` are the npm packages that the app depends on at run
    time. Of a run that `is_built_before`, `staging` is an artifact; else others that need the same
    build wait for `build_lock`. Dependencies that are not `is_reproducible` depend on the day.
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
    fetched: ResolvedRef | None = None
    chosen_node: Node | None = None
    dependencies: DependencySet | None = None
    resources: ExitStack = field(default_factory=ExitStack)
    commit: Commit | None = None
    managers: tuple[Path, ...] = ()
    publisher: StandbyProcess | None = None
    staging: Staging | None = None
    packages: frozenset[str] = frozenset()
    warnings: list[Message] = field(default_factory=list)
    build_lock: EntryLock | None = None
    runs_node: bool = False
    is_reproducible: bool = True
    is_built_before: bool = False
    is_numbered: bool = False
    version: str | None = None
    is_published: bool = False
    is_being_checked: bool = False
    is_checked: threading.Event = field(default_factory=threading.Event)
    unreachable: ProblemDetail | None = None

    @property
    def folder(self) -> Path:
        """Return the app's folder: the tree itself, or a folder of a monorepo."""
        return self.workspace.tree / self.job.app.build.directory

    @property
    def node(self) -> Node:
        """Return the Node of installs and builds, by default the machine's."""
        return self.chosen_node or self.machine.node

    @property
    def uid(self) -> int | None:
        """Return the user id of the slot's builds; None if they run under the worker's."""
        return self.user.uid if self.user else None

    @property
    def period(self) -> str:
        """Return the period of the release: within one, dependencies without a lock file stay."""
        return str(self.job.release.created_at // (self.machine.limits.unlocked_hours * _HOUR_MS))

    @property
    def most_copied(self) -> int | None:
        """Return the limit, in bytes, of a copy of a build's files; None if there is none."""
        disk = self.machine.limits.resources.disk
        return None if disk is None else disk * MEBI

    def note(self, id: str, **parameters: str | int) -> None:  # noqa: A002 the catalog's term
        """Write a message of the catalogs to the log, in the installation's language."""
        self.log(self.machine.words(id, **parameters))

    def warn(self, message: Message) -> None:
        """Record a warning, which also concerns later releases of the same build."""
        self.warnings.append(message)
        self.recorder.warned(message)

    def seconds(self, stage: Stage) -> int:
        """Return the time limit of a stage in seconds."""
        return self.machine.limits.seconds[stage]

    def clock(self, stage: Stage) -> Callable[[], None]:
        """Return a check that raises the reason of a stop, or StageFailed(TIME_LIMIT).

        The time limit of `stage` starts now. For the worker's own processing of untrusted content,
        which could be written to take very long.
        """
        seconds = self.seconds(stage)
        deadline = time.monotonic() + seconds

        def check() -> None:
            self.stop.raise_if_asked()
            if time.monotonic() > deadline:
                raise StageFailed(Problem.TIME_LIMIT, seconds=seconds)

        return check


class LogWriter(Protocol):
    """Mask lines of output, and record them."""

    def __call__(self, line: str, /) -> None:
        """Mask and record one line; from any thread."""
