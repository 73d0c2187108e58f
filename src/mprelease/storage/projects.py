"""Queries about projects."""

from typing import Any

from sqlalchemy import Row, delete, exists, insert, select, update

from mprelease.domain.projects import Project
from mprelease.storage.database import Reader, Writer, new_id
from mprelease.storage.tables import apps, projects


def add(db: Writer, name: str, repository: str, default_branch: str, now: int) -> Project:
    """Write a new project; its name must be free."""
    result = db.connection.execute(
        insert(projects).values(
            name=name, repository=repository, default_branch=default_branch, created_at=now
        )
    )
    return Project(new_id(result), name, repository, default_branch)


def by_name(db: Reader, name: str) -> Project | None:
    """Find a project by its name."""
    row = db.connection.execute(select(projects).where(projects.c.name == name)).first()
    return _project(row) if row else None


def lock_by_name(db: Writer, name: str) -> Project | None:
    """Find a project by its name and hold its row until the end of the transaction."""
    row = db.connection.execute(
        select(projects).where(projects.c.name == name).with_for_update()
    ).first()
    return _project(row) if row else None


def by_id(db: Reader, project_id: int) -> Project:
    """Return the project with this id."""
    return _project(
        db.connection.execute(select(projects).where(projects.c.id == project_id)).one()
    )


def every(db: Reader) -> list[Project]:
    """List all projects by name."""
    return [_project(row) for row in db.connection.execute(select(projects).order_by("name"))]


def change(db: Writer, project: Project) -> bool:
    """Write the project's present name, repository and branch; False if it was changed since."""
    seen = (projects.c.id == project.id) & (projects.c.revision == project.revision)
    changed = db.connection.execute(
        update(projects)
        .where(seen)
        .values(
            name=project.name,
            repository=project.repository,
            default_branch=project.default_branch,
            revision=project.revision + 1,
        )
    )
    return changed.rowcount == 1


def has_apps(db: Reader, project_id: int) -> bool:
    """Tell whether apps are still built from this project."""
    living = exists().where(apps.c.project_id == project_id, apps.c.removed_at.is_(None))
    return bool(db.connection.scalar(select(living)))


def remove(db: Writer, project_id: int) -> None:
    """Remove a project that has no apps any more."""
    db.connection.execute(
        update(apps).where(apps.c.project_id == project_id).values(project_id=None)
    )
    db.connection.execute(delete(projects).where(projects.c.id == project_id))


def _project(row: Row[Any]) -> Project:
    return Project(row.id, row.name, row.repository, row.default_branch, row.revision)
