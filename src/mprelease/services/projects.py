"""Deeds about projects."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mprelease.domain.errors import Refused
from mprelease.domain.people import Actor
from mprelease.domain.problems import Problem
from mprelease.domain.projects import Project, ProjectSecret
from mprelease.services import input as typed
from mprelease.services.house import Did, House, keep_secret, owner_of, record
from mprelease.source.repository import check_ref, check_url
from mprelease.storage import projects, secrets
from mprelease.storage.database import Reader, Writer, refusing_taken


@dataclass(frozen=True)
class ProjectChange:
    """What is to be changed; None leaves it as it is, an empty secret forgets it."""

    name: str | None = None
    repository: str | None = None
    default_branch: str | None = None
    secrets: Mapping[ProjectSecret, str] = field(default_factory=dict)


def add(house: House, who: Actor, new: ProjectChange) -> Project:
    """Add a project; raise Refused when the name is taken or something is not what it should be."""
    checked = _checked(new)
    assert checked.name is not None
    assert checked.repository is not None
    taken = Refused(Problem.PROJECT_EXISTS, name=checked.name)
    with refusing_taken(taken), house.database.writing() as db:
        _refuse_taken(db, checked.name)
        project = projects.add(
            db, checked.name, checked.repository, checked.default_branch or "main", house.now()
        )
        _keep(db, house, project, checked.secrets)
        record(db, house, who, Did("project.add", project.name, _told(checked)))
    return project


def edit(house: House, who: Actor, name: str, change: ProjectChange) -> Project:
    """Change a project and return it as it is now."""
    if change == ProjectChange():
        raise Refused(Problem.NOTHING_TO_CHANGE)
    checked = _checked(change)
    taken = Refused(Problem.PROJECT_EXISTS, name=checked.name or name)
    with refusing_taken(taken), house.database.writing() as db:
        before = found(db, name)
        if checked.name not in {None, before.name}:
            _refuse_taken(db, str(checked.name))
        project = replace(
            before,
            name=checked.name or before.name,
            repository=checked.repository or before.repository,
            default_branch=checked.default_branch or before.default_branch,
        )
        projects.change(db, project)
        _keep(db, house, project, checked.secrets)
        record(db, house, who, Did("project.edit", project.name, _told(checked)))
    return project


def remove(house: House, who: Actor, name: str) -> None:
    """Remove a project that has no apps any more, with its secrets."""
    with house.database.writing() as db:
        project = found(db, name)
        if projects.has_apps(db, project.id):
            raise Refused(Problem.PROJECT_HAS_APPS, name=name)
        secrets.drop(db, owner_of(project))
        projects.remove(db, project.id)
        record(db, house, who, Did("project.remove", name))


def found(db: Reader, name: str) -> Project:
    """Return the project of this name; raise Refused when there is none."""
    project = projects.named(db, name)
    if project is None:
        raise Refused(Problem.PROJECT_UNKNOWN, name=name)
    return project


def kept_secrets(db: Reader, project: Project) -> list[str]:
    """Name the secrets that a project has; their content is shown to nobody."""
    return sorted(secrets.sealed(db, owner_of(project)))


def _checked(change: ProjectChange) -> ProjectChange:
    return replace(
        change,
        name=change.name if change.name is None else typed.name(change.name),
        repository=change.repository and check_url(change.repository),
        default_branch=change.default_branch and check_ref(change.default_branch),
    )


def _refuse_taken(db: Reader, name: str) -> None:
    if projects.named(db, name):
        raise Refused(Problem.PROJECT_EXISTS, name=name)


def _keep(db: Writer, house: House, project: Project, given: Mapping[ProjectSecret, str]) -> None:
    for name, content in given.items():
        if content.strip():
            keep_secret(db, house, owner_of(project), name, content)
        else:
            secrets.drop(db, owner_of(project), name)


def _told(change: ProjectChange) -> Mapping[str, object]:
    plain = {
        "name": change.name,
        "repository": change.repository,
        "default_branch": change.default_branch,
        "secrets": sorted(change.secrets),
    }
    return {key: value for key, value in plain.items() if value}
