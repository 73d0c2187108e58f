"""API of projects: list, show, create, change, delete, and the refs of the repository."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from mprelease.domain.problems import Problem
from mprelease.domain.projects import Project, ProjectSecret
from mprelease.domain.worker_queries import WorkerQuery, WorkerQueryKind
from mprelease.i18n import Translator
from mprelease.schemas.documents import pick
from mprelease.schemas.projects import NewProject, ProjectChange
from mprelease.services import projects, worker_queries
from mprelease.storage import projects as stored
from mprelease.storage.database import Reader
from mprelease.web.api.refusals import refusing
from mprelease.web.identity import CanManage, CanRelease, ContextOf
from mprelease.web.rendering import language

router = APIRouter(prefix="/api/v1/projects", tags=["projects"])
_REFS_SECONDS, _REFS_AGE = 25.0, 30.0
_SHAPES = (Problem.NAME_SHAPE, Problem.NAME_MIXED, Problem.REPOSITORY_SHAPE, Problem.REF_SHAPE)


class ProjectModel(BaseModel):
    """A project; of its secrets only the names are shown."""

    name: str
    repository: str
    default_branch: str
    secrets: list[ProjectSecret]
    revision: int = Field(description="counts the changes of the project")

    @classmethod
    def of(cls, db: Reader, project: Project) -> "ProjectModel":
        """Return the model of a project."""
        return cls.with_secrets(project, projects.kept_secrets(db, project))

    @classmethod
    def with_secrets(cls, project: Project, names: list[str]) -> "ProjectModel":
        """Return the model of a project that has secrets of these names."""
        kept = [ProjectSecret(name) for name in names]
        shown = pick(project, "name", "repository", "default_branch", "revision")
        return cls(**shown, secrets=kept)


class ChangedProjectModel(ProjectModel):
    """A project after a change."""

    notice: str | None = Field(
        None,
        description="what the change has removed: the git token or SSH key of the former host",
    )


class RefsModel(BaseModel):
    """The names of branches and tags."""

    branches: list[str]
    tags: list[str]


@router.get("", responses=refusing(Problem.FORBIDDEN))
def list_all(context: ContextOf, session: CanRelease) -> list[ProjectModel]:
    """List the projects by name."""
    with context.services.database.reading() as db:
        every = stored.every(db)
        kept = projects.secrets_by_project(db, every)
    return [ProjectModel.with_secrets(one, kept[one.id]) for one in every]


@router.post("", status_code=201, responses=refusing(Problem.PROJECT_EXISTS, *_SHAPES))
def create(context: ContextOf, session: CanManage, new: NewProject) -> ProjectModel:
    """Add a project."""
    project = projects.add(context.services, session.user.actor, new)
    with context.services.database.reading() as db:
        return ProjectModel.of(db, project)


@router.get("/{name}", responses=refusing(Problem.FORBIDDEN, Problem.PROJECT_UNKNOWN))
def show(context: ContextOf, session: CanRelease, name: str) -> ProjectModel:
    """Show a project."""
    with context.services.database.reading() as db:
        return ProjectModel.of(db, projects.get(db, name))


@router.patch(
    "/{name}",
    responses=refusing(
        Problem.PROJECT_UNKNOWN,
        Problem.PROJECT_EXISTS,
        Problem.NOTHING_TO_CHANGE,
        Problem.CHANGED_MEANWHILE,
        *_SHAPES,
    ),
)
def change(
    request: Request, context: ContextOf, session: CanManage, name: str, wanted: ProjectChange
) -> ChangedProjectModel:
    """Change a project; another scheme, host or port removes git token and SSH key."""
    edited = projects.edit(context.services, session.user.actor, name, wanted)
    with context.services.database.reading() as db:
        shown = ProjectModel.of(db, edited.project).model_dump()
    notice = Translator(language(request))("project.secrets_removed") if edited.removed else None
    return ChangedProjectModel(**shown, notice=notice)


@router.delete(
    "/{name}",
    status_code=204,
    responses=refusing(Problem.PROJECT_UNKNOWN, Problem.PROJECT_HAS_APPS),
)
def delete(context: ContextOf, session: CanManage, name: str) -> None:
    """Remove a project without apps, with its secrets."""
    projects.remove(context.services, session.user.actor, name)


@router.get(
    "/{name}/refs",
    responses=refusing(
        Problem.FORBIDDEN,
        Problem.PROJECT_UNKNOWN,
        Problem.NO_WORKER,
        Problem.NO_ANSWER,
        Problem.TOO_MANY_QUERIES,
        Problem.GIT_HOST_UNREACHABLE,
        Problem.GIT_LOGIN_REFUSED,
        Problem.GIT_NOT_A_REPOSITORY,
        Problem.GIT_FAILED,
    ),
)
def refs(context: ContextOf, session: CanRelease, name: str) -> RefsModel:
    """Return branches and tags of a project's repository, at most 30 s old."""
    label = worker_queries.label_of(context.services, name)
    query = WorkerQuery(WorkerQueryKind.REFS, name)
    facts = context.ask(label, query, seconds=_REFS_SECONDS, max_age=_REFS_AGE)
    return RefsModel.model_validate(facts)
