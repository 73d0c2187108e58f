"""Releases and their logs, as the API takes and gives them."""

from collections.abc import Collection
from datetime import datetime

from pydantic import BaseModel, Field

from mprelease.domain.apps import Environment
from mprelease.domain.logs import LogLine, Position
from mprelease.domain.platforms import Platform
from mprelease.domain.releases import (
    Kind,
    Release,
    Stage,
    StageRecord,
    StageState,
    State,
)
from mprelease.i18n import Translator
from mprelease.schemas.fields import Record
from mprelease.web.api.common import ProblemModel, moment, optional_time, pick


class StageModel(BaseModel):
    """One stage of a release."""

    name: Stage
    state: StageState
    started_at: datetime | None
    ended_at: datetime | None
    cached: bool

    @classmethod
    def of(cls, stage: StageRecord) -> "StageModel":
        """Show a stage."""
        times = {
            "started_at": optional_time(stage.started_at),
            "ended_at": optional_time(stage.ended_at),
        }
        return cls(**pick(stage, "name", "state", "cached"), **times)


class CommitModel(BaseModel):
    """The commit that the ref stood for."""

    id: str
    author: str
    subject: str
    time: datetime


class SizesModel(BaseModel):
    """Package sizes in bytes, as the platform counts them."""

    full: int
    main: int
    packages: dict[str, int]


class ReleaseModel(BaseModel):
    """A release as it stands."""

    id: int
    app: str
    platform: Platform
    kind: Kind
    state: State
    ref: str
    ref_name: str | None = Field(
        description="the branch or tag that `ref`, a commit, was taken from"
    )
    commit: CommitModel | None
    version: str | None
    description: str
    environment: Environment
    robot: int
    page: str | None
    query: str | None
    scene: int | None
    settings: dict[str, bool | int | str]
    requested_by: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    attempt: int
    stages: list[StageModel]
    failed_stage: Stage | None
    sizes: SizesModel | None
    warnings: list[str]
    error: ProblemModel | None
    has_qr_code: bool

    @classmethod
    def of(cls, release: Release, codes: Collection[int], t: Translator) -> "ReleaseModel":
        """Show a release; `codes` are the numbers of those that have a QR code."""
        commit = release.commit
        return cls(
            **pick(release, "id", "platform", "kind", "state", "ref", "version", "description"),
            ref_name=release.ref_name,
            **pick(release, "environment", "robot", "requested_by"),
            app=release.app_name,
            commit=commit
            and CommitModel(
                **pick(commit, "id", "author", "subject"), time=moment(commit.time * 1000)
            ),
            **pick(release.launch, "page", "query", "scene"),
            settings=dict(release.settings),
            created_at=moment(release.created_at),
            started_at=optional_time(release.started_at),
            ended_at=optional_time(release.ended_at),
            attempt=release.attempt,
            stages=[StageModel.of(one) for one in release.stages],
            failed_stage=release.failed_stage,
            sizes=release.sizes and SizesModel(**pick(release.sizes, "full", "main", "packages")),
            warnings=[t.of(warning) for warning in release.warnings],
            error=ProblemModel.of(release.error, t) if release.error else None,
            has_qr_code=release.id in codes,
        )


class Resolution(Record):
    """How a release ended of which nobody knows: whether the platform got it."""

    published: bool


class PositionModel(BaseModel):
    """Where a line of a log stands."""

    attempt: int
    line: int


class LineModel(PositionModel):
    """One line of a log."""

    at: datetime
    stage: Stage
    text: str

    @classmethod
    def of(cls, line: LogLine) -> "LineModel":
        """Show a line."""
        at = moment(line.at)
        return cls(**pick(line.position, "attempt", "line"), at=at, **pick(line, "stage", "text"))


class LogModel(BaseModel):
    """A part of a log; ask for what follows with `next`, until nothing more will come."""

    items: list[LineModel]
    next: PositionModel
    is_over: bool

    @classmethod
    def of(cls, lines: list[LogLine], asked: Position, *, is_over: bool) -> "LogModel":
        """Show lines that follow the position that was asked for."""
        last = lines[-1].position if lines else asked
        reached = PositionModel(**pick(last, "attempt", "line"))
        return cls(items=[LineModel.of(one) for one in lines], next=reached, is_over=is_over)
