"""Projects for programs: list, show, create, change, delete, and what their repository has."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from mprelease.domain.errands import Errand, ErrandKind
from mprelease.domain.problems import Problem
from mprelease.domain.projects import Project, ProjectSecret
from mprelease.i18n import Words
from mprelease.services import errands, projects
from mprelease.services.projects import ProjectChange
from mprelease.storage import projects as stored
from mprelease.storage.database import Reader
from mprelease.web.api.refusals import refusing
from mprelease.web.api.shapes import Given, Number, Secret, Text, only
from mprelease.web.identity import HallOf, Manager, Releaser
from mprelease.web.rendering import language

router = APIRouter(prefix="/api/v1/projects", tags=["projects"])
_REFS_SECONDS, _REFS_AGE = 25.0, 30.0
_SHAPES = (Problem.NAME_SHAPE, Problem.NAME_MIXED, Problem.REPOSITORY_SHAPE, Problem.REF_SHAPE)


class ProjectShape(BaseModel):
    """A project; of its secrets only the names are told."""

    name: str
    repository: str
    default_branch: str
    secrets: list[ProjectSecret]
    revision: int = Field(description="counts the changes of the project")

    @classmethod
    def of(cls, db: Reader, project: Project) -> "ProjectShape":
        """Show a project."""
        return cls.with_secrets(project, projects.kept_secrets(db, project))

    @classmethod
    def with_secrets(cls, project: Project, names: list[str]) -> "ProjectShape":
        """Show a project that has secrets of these names."""
        kept = [ProjectSecret(name) for name in names]
        shown = only(project, "name", "repository", "default_branch", "revision")
        return cls(**shown, secrets=kept)


class Secrets(Given):
    """What is needed to reach the repository and the npm registry; null forgets a secret."""

    git_token: Secret | None = None
    ssh_key: Secret | None = None
    npmrc: Secret | None = None

    def given(self) -> dict[ProjectSecret, str]:
        """Return those that were sent."""
        sent = self.model_dump(exclude_unset=True)
        return {ProjectSecret(name): secret or "" for name, secret in sent.items()}


class NewProject(Given):
    """A project to be added."""

    name: Text
    repository: Text
    default_branch: Text = "main"
    secrets: Secrets = Secrets()


class ChangedProject(Given):
    """What is to be changed; what is left out or null stays."""

    name: Text | None = None
    repository: Text | None = None
    default_branch: Text | None = None
    secrets: Secrets = Secrets()
    revision: Number | None = Field(
        default=None, description="refuse the change if the project has another one by now"
    )


class ChangedProjectShape(ProjectShape):
    """A project after a change."""

    notice: str | None = Field(
        None,
        description="what the change has removed: the git token or SSH key of the former host",
    )


class RefsShape(BaseModel):
    """The names of branches and tags."""

    branches: list[str]
    tags: list[str]


@router.get("", responses=refusing(Problem.FORBIDDEN))
def list_all(hall: HallOf, visit: Releaser) -> list[ProjectShape]:
    """List the projects by name."""
    with hall.house.database.reading() as db:
        every = stored.every(db)
        kept = projects.secrets_by_project(db, every)
    return [ProjectShape.with_secrets(one, kept[one.id]) for one in every]


@router.post("", status_code=201, responses=refusing(Problem.PROJECT_EXISTS, *_SHAPES))
def create(hall: HallOf, visit: Manager, new: NewProject) -> ProjectShape:
    """Add a project."""
    added = ProjectChange(new.name, new.repository, new.default_branch, new.secrets.given())
    project = projects.add(hall.house, visit.user.actor, added)
    with hall.house.database.reading() as db:
        return ProjectShape.of(db, project)


@router.get("/{name}", responses=refusing(Problem.FORBIDDEN, Problem.PROJECT_UNKNOWN))
def show(hall: HallOf, visit: Releaser, name: str) -> ProjectShape:
    """Show a project."""
    with hall.house.database.reading() as db:
        return ProjectShape.of(db, projects.found(db, name))


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
    request: Request, hall: HallOf, visit: Manager, name: str, wanted: ChangedProject
) -> ChangedProjectShape:
    """Change a project; at another scheme, host or port, git token and SSH key are needed anew."""
    changed = ProjectChange(
        wanted.name,
        wanted.repository,
        wanted.default_branch,
        wanted.secrets.given(),
        wanted.revision,
    )
    edited = projects.edit(hall.house, visit.user.actor, name, changed)
    with hall.house.database.reading() as db:
        shown = ProjectShape.of(db, edited.project).model_dump()
    notice = Words(language(request))("project.secrets_removed") if edited.removed else None
    return ChangedProjectShape(**shown, notice=notice)


@router.delete(
    "/{name}",
    status_code=204,
    responses=refusing(Problem.PROJECT_UNKNOWN, Problem.PROJECT_HAS_APPS),
)
def delete(hall: HallOf, visit: Manager, name: str) -> None:
    """Remove a project that has no apps any more, with its secrets."""
    projects.remove(hall.house, visit.user.actor, name)


@router.get(
    "/{name}/refs",
    responses=refusing(
        Problem.FORBIDDEN,
        Problem.PROJECT_UNKNOWN,
        Problem.NO_WORKER,
        Problem.NO_ANSWER,
        Problem.GIT_HOST_UNREACHABLE,
        Problem.GIT_LOGIN_REFUSED,
        Problem.GIT_NOT_A_REPOSITORY,
        Problem.GIT_FAILED,
    ),
)
def refs(hall: HallOf, visit: Releaser, name: str) -> RefsShape:
    """Return branches and tags of a project's repository, at most half a minute old."""
    label = errands.label_of(hall.house, name)
    errand = Errand(ErrandKind.REFS, name)
    facts = hall.ask(label, errand, seconds=_REFS_SECONDS, max_age=_REFS_AGE)
    return RefsShape.model_validate(facts)
