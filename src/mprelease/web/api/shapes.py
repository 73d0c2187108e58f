"""What the API takes and gives; times are ISO 8601 in UTC."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from mprelease.domain.apps import App, Environment
from mprelease.domain.people import Role, User
from mprelease.domain.platforms import Platform
from mprelease.domain.problems import Trouble
from mprelease.domain.projects import Project
from mprelease.domain.releases import Kind, LaunchOptions, Release, ReleaseRequest, Stage, State
from mprelease.domain.workers import WorkerRecord
from mprelease.i18n import Words

Text = Annotated[str, Field(max_length=4000)]


class TroubleShape(BaseModel):
    """What went wrong, and what to do, in the language of the request."""

    problem: str
    message: str
    remedy: str

    @classmethod
    def of(cls, trouble: Trouble, say: Words) -> "TroubleShape":
        """Put a trouble into words."""
        return cls(
            problem=trouble.problem, message=say.of(trouble.message), remedy=say.of(trouble.remedy)
        )


class StageShape(BaseModel):
    """One stage of a release."""

    name: Stage
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    cached: bool


class CommitShape(BaseModel):
    """The commit that the ref stood for."""

    id: str
    author: str
    subject: str


class ReleaseShape(BaseModel):
    """A release as it stands."""

    id: int
    app: str
    platform: Platform
    kind: Kind
    state: State
    ref: str
    commit: CommitShape | None
    version: str | None
    description: str
    environment: Environment
    robot: int
    page: str | None
    query: str | None
    scene: int | None
    requested_by: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    stages: list[StageShape]
    package_size: int | None = Field(description="bytes, as the platform counts them")
    warnings: list[str]
    error: TroubleShape | None

    @classmethod
    def of(cls, release: Release, say: Words) -> "ReleaseShape":
        """Show a release."""
        commit = release.commit
        return cls(
            id=release.id,
            app=release.app_name,
            platform=release.platform,
            kind=release.kind,
            state=release.state,
            ref=release.ref,
            commit=commit and CommitShape(**_only(commit, "id", "author", "subject")),
            version=release.version,
            description=release.description,
            environment=release.environment,
            robot=release.robot,
            **_only(release.launch, "page", "query", "scene"),
            requested_by=release.requested_by,
            created_at=moment(release.created_at),
            started_at=_perhaps(release.started_at),
            ended_at=_perhaps(release.ended_at),
            stages=[
                StageShape(
                    name=one.name,
                    state=one.state,
                    started_at=_perhaps(one.started_at),
                    ended_at=_perhaps(one.ended_at),
                    cached=one.cached,
                )
                for one in release.stages
            ],
            package_size=release.sizes.full if release.sizes else None,
            warnings=[say.of(warning) for warning in release.warnings],
            error=TroubleShape.of(release.error, say) if release.error else None,
        )


class NewRelease(BaseModel):
    """What is asked for; what is left out is the app's or the platform's default."""

    app: Text
    kind: Kind
    ref: Text | None = None
    version: Text | None = None
    description: Text | None = None
    environment: Environment = Environment.PRODUCTION
    robot: int | None = None
    page: Text | None = None
    query: Text | None = None
    scene: int | None = None
    priority: int = 0

    def request(self, idempotency_key: str | None) -> ReleaseRequest:
        """Return it as the services take it."""
        return ReleaseRequest(
            app=self.app,
            kind=self.kind,
            ref=self.ref,
            version=self.version,
            description=self.description,
            environment=self.environment,
            robot=self.robot,
            launch=LaunchOptions(self.page, self.query, self.scene),
            priority=self.priority,
            idempotency_key=idempotency_key,
        )


class LineShape(BaseModel):
    """One line of a log; its position is (attempt, line)."""

    attempt: int
    line: int
    at: datetime
    stage: Stage
    text: str


class ProjectShape(BaseModel):
    """A project without its secrets."""

    name: str
    repository: str
    default_branch: str

    @classmethod
    def of(cls, project: Project) -> "ProjectShape":
        """Show a project."""
        return cls(**_only(project, "name", "repository", "default_branch"))


class AppShape(BaseModel):
    """An app without its credential."""

    name: str
    platform: Platform
    platform_app_id: str
    robot: int
    label: str
    default_page: str | None

    @classmethod
    def of(cls, app: App) -> "AppShape":
        """Show an app."""
        return cls(**_only(app, *cls.model_fields))


class UserShape(BaseModel):
    """Somebody who can log in."""

    id: int
    name: str
    role: Role
    robot: int | None
    language: str | None
    is_disabled: bool

    @classmethod
    def of(cls, user: User) -> "UserShape":
        """Show a user."""
        return cls(**_only(user, *cls.model_fields))


class WorkerShape(BaseModel):
    """A worker and what it runs."""

    name: str
    labels: list[str]
    slots: int
    version: str
    is_alive: bool
    draining: bool
    runs: list[int]
    seen_at: datetime

    @classmethod
    def of(cls, worker: WorkerRecord) -> "WorkerShape":
        """Show a worker."""
        names = ("name", "slots", "version", "is_alive", "draining")
        return cls(
            **_only(worker, *names),
            labels=list(worker.labels),
            runs=list(worker.runs),
            seen_at=moment(worker.seen_at),
        )


class DeedShape(BaseModel):
    """Who did what to which noun."""

    id: int
    at: datetime
    who: str
    deed: str
    subject: str
    details: dict[str, object]


def moment(milliseconds: int) -> datetime:
    """Return a time that is kept in ms since the epoch."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _perhaps(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else moment(milliseconds)


def _only(noun: object, *names: str) -> dict[str, Any]:
    return {name: getattr(noun, name) for name in names}
