"""Operations on projects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from mprelease.domain.errors import Refused
from mprelease.domain.names import name_key
from mprelease.domain.problems import Problem
from mprelease.domain.projects import GIT_SECRETS, Project, ProjectSecret
from mprelease.domain.users import Actor
from mprelease.schemas import validation as typed
from mprelease.schemas.projects import ProjectChange, ProjectFields
from mprelease.services.context import (
    ServiceContext,
    keep_secret,
    open_secrets,
    owner_of,
    record,
)
from mprelease.source.repository import check_address, check_ref, origin_of
from mprelease.storage import projects, secrets
from mprelease.storage.audit import AuditEntry
from mprelease.storage.database import Reader, Writer, refusing_taken

_DEFAULT_BRANCH = "main"
AnyFields = TypeVar("AnyFields", bound=ProjectFields)


@dataclass(frozen=True)
class EditedProject:
    """A project after a change, and the secrets that were removed because the host changed."""

    project: Project
    removed: tuple[ProjectSecret, ...] = ()


def add(services: ServiceContext, who: Actor, new: ProjectFields) -> Project:
    """Add a project; raise Refused if the name is taken or a field cannot be used."""
    checked = _checked(new)
    name = typed.name(checked.name or "")
    taken = Refused(Problem.PROJECT_EXISTS, name=name)
    with refusing_taken(taken), services.database.writing() as db:
        _refuse_taken(db, name)
        branch = checked.default_branch or _DEFAULT_BRANCH
        project = projects.add(db, name, checked.repository or "", branch, services.now())
        _keep(db, services, project, checked.secrets)
        did = AuditEntry("project.add", project.name, _audit_details(checked), project.id)
        record(db, services, who, did)
    return project


def edit(services: ServiceContext, who: Actor, name: str, change: ProjectChange) -> EditedProject:
    """Change a project and return it.

    If scheme, host or port of the repository change, the secrets that git sends there are removed
    unless the change sets them: a change of the address must not reveal them to another host.
    Raise Refused(CHANGED_MEANWHILE) if the change names another revision than the project has.
    """
    if not change.given().keys() - {"revision"}:
        raise Refused(Problem.NOTHING_TO_CHANGE)
    checked = _checked(change)
    taken = Refused(Problem.PROJECT_EXISTS, name=checked.name or name)
    with refusing_taken(taken), services.database.writing() as db:
        before = _held(db, name)
        if checked.revision not in {None, before.revision}:
            raise Refused(Problem.CHANGED_MEANWHILE, name=name)
        if checked.name not in {None, before.name}:
            _refuse_taken(db, typed.name(str(checked.name)), before.id)
        project = replace(
            before,
            name=before.name if checked.name is None else checked.name,
            repository=checked.repository or before.repository,
            default_branch=checked.default_branch or before.default_branch,
        )
        if not projects.change(db, project):
            raise Refused(Problem.CHANGED_MEANWHILE, name=name)
        removed = _remove_foreign(db, before, project, checked)
        _keep(db, services, project, checked.secrets)
        details = _audit_details(checked) | ({"removed_secrets": [*removed]} if removed else {})
        record(db, services, who, AuditEntry("project.edit", project.name, details, project.id))
    return EditedProject(replace(project, revision=project.revision + 1), removed)


def remove(services: ServiceContext, who: Actor, name: str) -> None:
    """Remove a project without apps, with its secrets."""
    with services.database.writing() as db:
        project = _held(db, name)
        if projects.has_apps(db, project.id):
            raise Refused(Problem.PROJECT_HAS_APPS, name=name)
        secrets.drop(db, owner_of(project))
        projects.remove(db, project.id)
        record(db, services, who, AuditEntry("project.remove", name, subject_id=project.id))


def get(db: Reader, name: str) -> Project:
    """Return the project of this name; raise Refused when there is none."""
    project = projects.by_name(db, name)
    if project is None:
        raise Refused(Problem.PROJECT_UNKNOWN, name=name)
    return project


def _held(db: Writer, name: str) -> Project:
    project = projects.lock_by_name(db, name)
    if project is None:
        raise Refused(Problem.PROJECT_UNKNOWN, name=name)
    return project


def kept_secrets(db: Reader, project: Project) -> list[str]:
    """Return the names of the secrets that a project has."""
    return sorted(secrets.sealed(db, owner_of(project), at=_place(project)))


def secrets_by_project(db: Reader, every: Sequence[Project]) -> dict[int, list[str]]:
    """Return the names of the secrets of each project, by its id."""
    kept = secrets.bindings(db)
    return {
        one.id: sorted(
            name for name, place in kept.get(owner_of(one), []) if place in {None, _place(one)}
        )
        for one in every
    }


def opened_secrets(
    db: Reader, services: ServiceContext, project: Project
) -> dict[ProjectSecret, str]:
    """Return a project's secrets, opened: for releases and queries of its repository only."""
    given = open_secrets(db, services, owner_of(project), at=_place(project))
    return {ProjectSecret(name): secret for name, secret in given.items()}


def _checked(change: AnyFields) -> AnyFields:
    checked = {
        "repository": change.repository and check_address(change.repository),
        "default_branch": change.default_branch and check_ref(change.default_branch),
    }
    return change.model_copy(update=checked)


def _refuse_taken(db: Reader, name: str, project_id: int | None = None) -> None:
    others = (project for project in projects.every(db) if project.id != project_id)
    if any(name_key(project.name) == name_key(name) for project in others):
        raise Refused(Problem.PROJECT_EXISTS, name=name)


def _place(project: Project) -> str:
    return origin_of(project.repository).place


def _remove_foreign(
    db: Writer, before: Project, after: Project, change: ProjectChange
) -> tuple[ProjectSecret, ...]:
    """Remove the secrets of the former host that the change does not set; return their names."""
    if _place(before) == _place(after):
        return ()
    kept = secrets.sealed(db, owner_of(before))
    removed = tuple(
        name
        for name in GIT_SECRETS
        if name in kept and not (change.secrets.get(name) or "").strip()
    )
    for name in removed:
        secrets.drop(db, owner_of(before), name)
    return removed


def _keep(
    db: Writer,
    services: ServiceContext,
    project: Project,
    given: Mapping[ProjectSecret, str | None],
) -> None:
    for name, content in given.items():
        if content and content.strip():
            place = _place(project) if name in GIT_SECRETS else None
            keep_secret(db, services, owner_of(project), name, content, place)
        else:
            secrets.drop(db, owner_of(project), name)


def _audit_details(change: ProjectFields) -> dict[str, object]:
    plain = change.model_dump(exclude={"secrets", "revision"})
    return {key: value for key, value in plain.items() if value} | (
        {"secrets": sorted(change.secrets)} if change.secrets else {}
    )
