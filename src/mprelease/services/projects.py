"""Deeds about projects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mprelease.domain.errors import Refused
from mprelease.domain.names import name_key
from mprelease.domain.problems import Problem
from mprelease.domain.projects import GIT_SECRETS, Project, ProjectSecret
from mprelease.domain.users import Actor
from mprelease.schemas import validation as typed
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


@dataclass(frozen=True)
class ProjectChange:
    """What is to be changed; None leaves it as it is, an empty secret forgets it.

    `revision` is that of the project which the change is meant for, None for whichever it has.
    """

    name: str | None = None
    repository: str | None = None
    default_branch: str | None = None
    secrets: Mapping[ProjectSecret, str] = field(default_factory=dict)
    revision: int | None = None


@dataclass(frozen=True)
class EditedProject:
    """A project after a change, and which secrets were removed because their host is another."""

    project: Project
    removed: tuple[ProjectSecret, ...] = ()


def add(services: ServiceContext, who: Actor, new: ProjectChange) -> Project:
    """Add a project; raise Refused when the name is taken or something is not what it should be."""
    checked = _checked(new)
    assert checked.name is not None
    assert checked.repository is not None
    typed.name(checked.name)
    taken = Refused(Problem.PROJECT_EXISTS, name=checked.name)
    with refusing_taken(taken), services.database.writing() as db:
        _refuse_taken(db, checked.name)
        project = projects.add(
            db, checked.name, checked.repository, checked.default_branch or "main", services.now()
        )
        _keep(db, services, project, checked.secrets)
        did = AuditEntry("project.add", project.name, _told(checked), project.id)
        record(db, services, who, did)
    return project


def edit(services: ServiceContext, who: Actor, name: str, change: ProjectChange) -> EditedProject:
    """Change a project and return it as it is now.

    With another scheme, host or port of the repository, the secrets that git sends there are
    removed unless they are given anew: whoever may change an address may not read them by it.
    Raise Refused(CHANGED_MEANWHILE) for a change that is meant for an older revision.
    """
    if replace(change, revision=None) == ProjectChange():
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
        told = _told(checked) | ({"removed_secrets": [*removed]} if removed else {})
        record(db, services, who, AuditEntry("project.edit", project.name, told, project.id))
    return EditedProject(replace(project, revision=project.revision + 1), removed)


def remove(services: ServiceContext, who: Actor, name: str) -> None:
    """Remove a project that has no apps any more, with its secrets."""
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
    """Name the secrets that a project has; their content is shown to nobody."""
    return sorted(secrets.sealed(db, owner_of(project), at=_place(project)))


def secrets_by_project(db: Reader, every: Sequence[Project]) -> dict[int, list[str]]:
    """Name the secrets that each of the projects has, as `kept_secrets` does for one."""
    kept = secrets.places(db)
    return {
        one.id: sorted(
            name for name, place in kept.get(owner_of(one), []) if place in {None, _place(one)}
        )
        for one in every
    }


def opened_secrets(
    db: Reader, services: ServiceContext, project: Project
) -> dict[ProjectSecret, str]:
    """Return a project's secrets, for whoever runs a release or asks its repository."""
    given = open_secrets(db, services, owner_of(project), at=_place(project))
    return {ProjectSecret(name): secret for name, secret in given.items()}


def _checked(change: ProjectChange) -> ProjectChange:
    return replace(
        change,
        repository=change.repository and check_address(change.repository),
        default_branch=change.default_branch and check_ref(change.default_branch),
    )


def _refuse_taken(db: Reader, name: str, project_id: int | None = None) -> None:
    others = (project for project in projects.every(db) if project.id != project_id)
    if any(name_key(project.name) == name_key(name) for project in others):
        raise Refused(Problem.PROJECT_EXISTS, name=name)


def _place(project: Project) -> str:
    return origin_of(project.repository).place


def _remove_foreign(
    db: Writer, before: Project, after: Project, change: ProjectChange
) -> tuple[ProjectSecret, ...]:
    """Remove the secrets of the former host and return which; those given anew take their place."""
    if _place(before) == _place(after):
        return ()
    kept = secrets.sealed(db, owner_of(before))
    removed = tuple(
        name for name in GIT_SECRETS if name in kept and not change.secrets.get(name, "").strip()
    )
    for name in removed:
        secrets.drop(db, owner_of(before), name)
    return removed


def _keep(
    db: Writer, services: ServiceContext, project: Project, given: Mapping[ProjectSecret, str]
) -> None:
    for name, content in given.items():
        if content.strip():
            place = _place(project) if name in GIT_SECRETS else None
            keep_secret(db, services, owner_of(project), name, content, place)
        else:
            secrets.drop(db, owner_of(project), name)


def _told(change: ProjectChange) -> dict[str, object]:
    plain = {
        "name": change.name,
        "repository": change.repository,
        "default_branch": change.default_branch,
        "secrets": sorted(change.secrets),
    }
    return {key: value for key, value in plain.items() if value}
