"""Queries about projects."""

from typing import Any

from sqlalchemy import Row, delete, exists, insert, select, update

from mprelease.domain.projects import Project
from mprelease.storage.database import Reader, Writer, new_id
from mprelease.storage.tables import apps, projects


def add(db: Writer, name: str, repository: str, default_branch: str, now: int) -> Project:
    """Insert and return a new project; raise IntegrityError if the name is taken."""
    result = db.connection.execute(
        insert(projects).values(
            name=name, repository=repository, default_branch=default_branch, created_at=now
        )
    )
    return Project(new_id(result), name, repository, default_branch)


def by_name(db: Reader, name: str) -> Project | None:
    """Return the project with this name; None if there is none."""
    row = db.connection.execute(select(projects).where(projects.c.name == name)).first()
    return _project(row) if row else None


def lock_by_name(db: Writer, name: str) -> Project | None:
    """Like `by_name`, and lock the row until the end of the transaction."""
    row = db.connection.execute(
        select(projects).where(projects.c.name == name).with_for_update()
    ).first()
    return _project(row) if row else None


def by_id(db: Reader, project_id: int) -> Project:
    """Return the project with this id; raise NoResultFound."""
    return _project(
        db.connection.execute(select(projects).where(projects.c.id == project_id)).one()
    )


def every(db: Reader) -> list[Project]:
    """List all projects by name."""
    return [_project(row) for row in db.connection.execute(select(projects).order_by("name"))]


def change(db: Writer, project: Project) -> bool:
    """Update name, repository and branch; return False if changed since `project.revision`."""
    same = (projects.c.id == project.id) & (projects.c.revision == project.revision)
    changed = db.connection.execute(
        update(projects)
        .where(same)
        .values(
            name=project.name,
            repository=project.repository,
            default_branch=project.default_branch,
            revision=project.revision + 1,
        )
    )
    return changed.rowcount == 1


def has_apps(db: Reader, project_id: int) -> bool:
    """Return whether the project has apps that are not removed."""
    present = exists().where(apps.c.project_id == project_id, apps.c.removed_at.is_(None))
    return bool(db.connection.scalar(select(present)))


def in_use(db: Reader) -> tuple[set[str], set[int]]:
    """Return the repositories of all apps, and the ids of those apps, without removed ones."""
    query = select(projects.c.repository, apps.c.id).join_from(projects, apps)
    rows = db.connection.execute(query.where(apps.c.removed_at.is_(None))).all()
    return {row.repository for row in rows}, {row.id for row in rows}


def remove(db: Writer, project_id: int) -> None:
    """Delete a project whose apps are all removed."""
    db.connection.execute(
        update(apps).where(apps.c.project_id == project_id).values(project_id=None)
    )
    db.connection.execute(delete(projects).where(projects.c.id == project_id))


def _project(row: Row[Any]) -> Project:
    return Project(row.id, row.name, row.repository, row.default_branch, row.revision)
