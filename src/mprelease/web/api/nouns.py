"""Everything else for programs: oneself, projects, apps, refs, people, workers, the audit."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from mprelease.domain.errands import Errand, ErrandKind
from mprelease.domain.people import Role
from mprelease.services import apps, errands, projects, users
from mprelease.services.users import UserChange
from mprelease.storage import apps as stored_apps
from mprelease.storage import audit
from mprelease.storage import projects as stored_projects
from mprelease.storage import users as stored_users
from mprelease.storage import workers as stored_workers
from mprelease.web.api.shapes import (
    AppShape,
    DeedShape,
    ProjectShape,
    Text,
    UserShape,
    WorkerShape,
    moment,
)
from mprelease.web.identity import HallOf, Looker, Manager, Releaser

router = APIRouter(prefix="/api/v1")
_REFS_SECONDS, _REFS_AGE = 25.0, 30.0


class NewUser(BaseModel):
    """Somebody new; without a password a random one is made, and given back once."""

    name: Text
    role: Role
    password: Text | None = None


class AddedUser(UserShape):
    """Somebody who was added, with the password."""

    password: str


class ChangedUser(BaseModel):
    """What is to be changed of somebody."""

    name: Text | None = None
    role: Role | None = None
    is_disabled: bool | None = None


@router.get("/me", tags=["people"])
def me(visit: Looker) -> UserShape:
    """Tell who asks."""
    return UserShape.of(visit.user)


@router.get("/projects", tags=["projects"])
def list_projects(hall: HallOf, visit: Looker) -> list[ProjectShape]:
    """List the projects by name."""
    with hall.house.database.reading() as db:
        return [ProjectShape.of(one) for one in stored_projects.every(db)]


@router.get("/projects/{name}/refs", tags=["projects"])
def refs(hall: HallOf, visit: Releaser, name: str) -> dict[str, Any]:
    """Return branches and tags of a project's repository, at most half a minute old."""
    with hall.house.database.reading() as db:
        projects.found(db, name)
    errand = Errand(ErrandKind.REFS, name)
    label = errands.label_of(hall.house, name)
    return dict(hall.ask(label, errand, seconds=_REFS_SECONDS, max_age=_REFS_AGE))


@router.get("/apps", tags=["apps"])
def list_apps(hall: HallOf, visit: Looker) -> list[AppShape]:
    """List the apps by name."""
    with hall.house.database.reading() as db:
        return [AppShape.of(one) for one in stored_apps.every(db)]


@router.get("/apps/{name}", tags=["apps"])
def show_app(hall: HallOf, visit: Looker, name: str) -> AppShape:
    """Show an app."""
    with hall.house.database.reading() as db:
        return AppShape.of(apps.found(db, name))


@router.get("/users", tags=["people"])
def list_users(hall: HallOf, visit: Manager) -> list[UserShape]:
    """List everybody who can log in."""
    with hall.house.database.reading() as db:
        return [UserShape.of(one) for one in stored_users.every(db)]


@router.post("/users", tags=["people"], status_code=201)
def add_user(hall: HallOf, visit: Manager, new: NewUser) -> AddedUser:
    """Add somebody."""
    user, password = users.add(hall.house, visit.user.actor, new.name, new.role, new.password)
    return AddedUser(**UserShape.of(user).model_dump(), password=password)


@router.patch("/users/{user_id}", tags=["people"])
def change_user(hall: HallOf, visit: Manager, user_id: int, change: ChangedUser) -> UserShape:
    """Change somebody; a new role, or being disabled, ends that one's logins."""
    wanted = UserChange(change.name, change.role, change.is_disabled)
    return UserShape.of(users.edit(hall.house, visit.user, user_id, wanted))


@router.delete("/users/{user_id}", tags=["people"], status_code=204)
def delete_user(hall: HallOf, visit: Manager, user_id: int) -> None:
    """Remove somebody; the name stays on releases."""
    users.remove(hall.house, visit.user, user_id)


@router.get("/workers", tags=["workers"])
def list_workers(hall: HallOf, visit: Manager) -> list[WorkerShape]:
    """List the workers, the dead ones too."""
    with hall.house.database.reading() as db:
        return [WorkerShape.of(one) for one in stored_workers.every(db)]


@router.get("/audit", tags=["audit"])
def list_deeds(
    hall: HallOf,
    visit: Manager,
    before: Annotated[int | None, Query(ge=0, lt=2**53)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[DeedShape]:
    """List who did what, newest first."""
    with hall.house.database.reading() as db:
        found = audit.newest(db, before, limit)
    return [
        DeedShape(
            id=number,
            at=moment(deed.at),
            who=deed.who,
            deed=deed.deed,
            subject=deed.subject,
            details=dict(deed.details),
        )
        for number, deed in found
    ]
