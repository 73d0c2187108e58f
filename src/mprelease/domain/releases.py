"""Releases: one request to publish one app from one git ref, and its state transitions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mprelease.domain.apps import Environment
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Message, ProblemDetail
from mprelease.domain.robots import RobotReason


class Kind(StrEnum):
    """What a release creates on the platform."""

    PREVIEW = "preview"
    UPLOAD = "upload"


class State(StrEnum):
    """The state of a release."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Return whether the state does not change any more without a request of a person."""
        return self in set(State) - {State.QUEUED, State.RUNNING}


# There is no transition from UNKNOWN to QUEUED: the platform may already have received what a lost
# worker sent, so the release is resolved by the platform's answer or by a person. A worker that was
# only suspended and still holds the lease token may return to RUNNING and record the end.
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
    """The state of one stage."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class PublishState(StrEnum):
    """Progress of an upload: STARTED is set by the fence, DONE by the platform's answer."""

    NONE = "none"
    STARTED = "started"
    DONE = "done"


@dataclass(frozen=True)
class StageRecord:
    """One stage of a release; times in milliseconds since the epoch."""

    name: Stage
    state: StageState = StageState.PENDING
    started_at: int | None = None
    ended_at: int | None = None
    cached: bool = False


@dataclass(frozen=True)
class Commit:
    """The commit that a ref resolved to; `time` in seconds since the epoch."""

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
    """The platform's answer to a release; `qr_code_type` is the media type of `qr_code`."""

    qr_code: bytes | None = None
    qr_code_type: str = "image/png"
    sizes: Sizes | None = None


@dataclass(frozen=True)
class LaunchOptions:
    """What a preview opens: page path, its query, and the platform's scene number."""

    start_page: str | None = None
    query: str | None = None
    scene: int | None = None


@dataclass(frozen=True)
class Release:
    """A release as it is stored; times in milliseconds since the epoch.

    With `version_is_automatic` the version may still be replaced by a greater one. `node_version`
    is None until the install begins, and for a release that runs no Node. One that is `kept` is
    not removed by a cleanup. With `build_anew` it does not use what was built before. `artifact`
    names the stored output that it publishes, which a request may have chosen. `robot_name` is the
    app's present name of the robot.
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
    node_version: str | None = None
    kept: bool = False
    build_anew: bool = False
    artifact: str | None = None
    robot_name: str | None = None
    robot_reason: RobotReason | None = None

    @property
    def shown_robot(self) -> str:
        """Return the number of the robot with its name, if it has one."""
        return f"{self.robot} {self.robot_name}" if self.robot_name else str(self.robot)

    @property
    def shown_ref(self) -> str:
        """Return the ref to show: the branch or tag if there is one, else the commit."""
        return self.ref_name or self.ref
