"""The JSON document of a release: in the API, from `--json`, and a part in the live socket."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from mprelease.domain.apps import Environment
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import Commit, Kind, Release, Stage, StageRecord, StageState, State
from mprelease.domain.robots import ChosenBy
from mprelease.schemas.documents import ProblemModel, Spell, moment, optional_time, pick


class StageModel(BaseModel):
    """One stage of a release."""

    name: Stage
    state: StageState
    started_at: datetime | None
    ended_at: datetime | None
    cached: bool

    @classmethod
    def of(cls, stage: StageRecord) -> "StageModel":
        """Return the model of a stage."""
        times = {
            "started_at": optional_time(stage.started_at),
            "ended_at": optional_time(stage.ended_at),
        }
        return cls(**pick(stage, "name", "state", "cached"), **times)


class CommitModel(BaseModel):
    """The commit to which the ref was resolved."""

    id: str
    author: str
    subject: str
    time: datetime

    @classmethod
    def of(cls, commit: Commit) -> "CommitModel":
        """Return the model of a commit."""
        return cls(**pick(commit, "id", "author", "subject"), time=moment(commit.time * 1000))


class RobotReasonModel(BaseModel):
    """Why a release has its robot; `pattern` is that of the app's rule."""

    source: ChosenBy
    pattern: str | None


class SizesModel(BaseModel):
    """Package sizes in bytes, as the platform counts them."""

    full: int
    main: int
    packages: dict[str, int]


class ReleaseState(BaseModel):
    """The state of a release, as sent by the live socket."""

    id: int
    app: str
    kind: Kind
    state: State
    version: str | None
    commit: CommitModel | None
    requested_by: str
    stages: list[StageModel]


class ReleaseModel(ReleaseState):
    """A release.

    `format` is incremented by incompatible changes of this document: fields that are renamed or
    removed, or whose meaning changes. Fields may be added at any time.
    """

    format: Literal[1] = 1
    platform: Platform
    ref: str
    ref_name: str | None = Field(
        description="the branch or tag that `ref`, a commit, was taken from"
    )
    description: str
    environment: Environment
    robot: int
    robot_name: str | None = Field(description="the app's name for the robot")
    robot_reason: RobotReasonModel | None = Field(
        description="why it has this robot; null on a platform without robots"
    )
    start_page: str | None
    query: str | None
    scene: int | None
    compile_settings: dict[str, bool | int | str]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    attempt: int
    node_version: str | None = Field(description="the version of Node that built it")
    failed_stage: Stage | None
    sizes: SizesModel | None
    warnings: list[str]
    error: ProblemModel | None
    has_qr_code: bool
    kept: bool = Field(description="a cleanup removes neither it nor its log and QR code")


def state_of(release: Release) -> ReleaseState:
    """Return the state of a release."""
    return ReleaseState(**_state(release))


def document_of(release: Release, spell: Spell, *, has_qr_code: bool) -> ReleaseModel:
    """Return the document of a release, with problem and warnings in the reader's language."""
    return ReleaseModel(
        **_state(release),
        **pick(release, "platform", "ref", "ref_name", "description", "environment", "robot"),
        robot_name=release.robot_name,
        robot_reason=release.robot_reason
        and RobotReasonModel(**pick(release.robot_reason, "source", "pattern")),
        **pick(release.launch, "start_page", "query", "scene"),
        compile_settings=dict(release.compile_settings),
        created_at=moment(release.created_at),
        started_at=optional_time(release.started_at),
        ended_at=optional_time(release.ended_at),
        **pick(release, "attempt", "node_version", "failed_stage"),
        sizes=release.sizes and SizesModel(**pick(release.sizes, "full", "main", "packages")),
        warnings=[spell(warning) for warning in release.warnings],
        error=ProblemModel.of(release.error, spell) if release.error else None,
        has_qr_code=has_qr_code,
        kept=release.kept,
    )


def _state(release: Release) -> dict[str, Any]:
    commit = release.commit
    return {
        **pick(release, "id", "kind", "state", "version", "requested_by"),
        "app": release.app_name,
        "commit": commit and CommitModel.of(commit),
        "stages": [StageModel.of(one) for one in release.stages],
    }
