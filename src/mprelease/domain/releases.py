"""Releases: one request to publish one app from one git ref, and the moves of its state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mprelease.domain.apps import Environment
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Message, ProblemDetail


class Kind(StrEnum):
    """What a release makes at the platform."""

    PREVIEW = "preview"
    UPLOAD = "upload"


class State(StrEnum):
    """Where a release stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Tell whether nothing more will happen by itself."""
        return self in set(State) - {State.QUEUED, State.RUNNING}


# Nothing leads from UNKNOWN to QUEUED by itself: the platform may already hold what a lost worker
# sent, so only its answer or a person may say "again". A worker that was merely away, and still
# holds the token, may come back and tell the end.
MOVES: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.CANCELED}),
    State.RUNNING: frozenset(
        {State.SUCCEEDED, State.FAILED, State.CANCELED, State.QUEUED, State.UNKNOWN}
    ),
    State.UNKNOWN: frozenset({State.RUNNING, State.SUCCEEDED, State.FAILED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELED: frozenset(),
}


class Stage(StrEnum):
    """The four steps of every release, in order."""

    CHECKOUT = "checkout"
    INSTALL = "install"
    BUILD = "build"
    PUBLISH = "publish"


class StageState(StrEnum):
    """Where one stage stands."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class PublishState(StrEnum):
    """How far the platform has been told: the fence that an upload passes once."""

    NONE = "none"
    STARTED = "started"
    DONE = "done"


@dataclass(frozen=True)
class StageRecord:
    """What is known of one stage; times in milliseconds since the epoch."""

    name: Stage
    state: StageState = StageState.PENDING
    started_at: int | None = None
    ended_at: int | None = None
    cached: bool = False


@dataclass(frozen=True)
class Commit:
    """The commit that a ref stood for; the time in seconds since the epoch."""

    id: str
    author: str
    subject: str
    time: int


@dataclass(frozen=True)
class Sizes:
    """Package sizes in bytes, as the platform counts them."""

    full: int
    main: int
    packages: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Publication:
    """What the platform answered to a release.

    `qr_code` is the image as it is to be shown, `qr_code_type` its media type.
    """

    qr_code: bytes | None = None
    qr_code_type: str = "image/png"
    sizes: Sizes | None = None


@dataclass(frozen=True)
class LaunchOptions:
    """With what a preview opens: page path, its query, and the platform's scene number."""

    start_page: str | None = None
    query: str | None = None
    scene: int | None = None


@dataclass(frozen=True)
class Release:
    """A release as it is stored; times in milliseconds since the epoch.

    Where `version_is_automatic`, nobody has chosen the version: it may still become a greater one.
    """

    id: int
    app_id: int
    app_name: str
    platform: Platform
    kind: Kind
    state: State
    ref: str
    environment: Environment
    robot: int
    version: str | None
    description: str
    launch: LaunchOptions
    compile_settings: Mapping[str, bool | int | str]
    requested_by: str
    created_at: int
    started_at: int | None
    ended_at: int | None
    attempt: int
    commit: Commit | None
    sizes: Sizes | None
    error: ProblemDetail | None
    failed_stage: Stage | None
    warnings: tuple[Message, ...]
    stages: tuple[StageRecord, ...]
    version_is_automatic: bool = False
    ref_name: str | None = None

    @property
    def shown_ref(self) -> str:
        """Return what people know the release's code by: a branch or tag rather than a commit."""
        return self.ref_name or self.ref
