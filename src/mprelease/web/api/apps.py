"""Apps for programs: list, show, create, change, delete, and the check of their credential."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from mprelease.domain.errands import Errand, ErrandKind
from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.i18n import Words
from mprelease.services import apps
from mprelease.storage import apps as stored
from mprelease.storage import projects as stored_projects
from mprelease.storage.database import Reader
from mprelease.web import asking
from mprelease.web.api.app_shapes import AppSettings, AppShape, ChangedApp, NewApp
from mprelease.web.api.refusals import refusing
from mprelease.web.api.shapes import TroubleShape
from mprelease.web.hall import Hall
from mprelease.web.identity import HallOf, Looker, Manager
from mprelease.web.rendering import language

router = APIRouter(prefix="/api/v1/apps", tags=["apps"])
_CHECK_SECONDS = 60.0
_SHAPES = (
    Problem.NAME_SHAPE,
    Problem.NAME_MIXED,
    Problem.APP_ID_SHAPE,
    Problem.APP_ID_OF_OTHER_PLATFORM,
    Problem.KEY_SHAPE,
    Problem.CREDENTIAL_OF_OTHER_PLATFORM,
    Problem.ROBOT_RANGE,
    Problem.MEMORY_RANGE,
    Problem.DIRECTORY_SHAPE,
    Problem.SETTING_UNKNOWN,
    Problem.SETTING_VALUE,
    Problem.PAGE_SHAPE,
    Problem.PROXY_SHAPE,
    Problem.LABEL_SHAPE,
)


class CheckShape(BaseModel):
    """What the platform said of a credential, and from which address it was asked, if known."""

    accepted: bool
    error: TroubleShape | None
    address: str | None


@router.get("")
def list_all(hall: HallOf, visit: Looker) -> list[AppShape]:
    """List the apps by name."""
    with hall.house.database.reading() as db:
        names = {project.id: project.name for project in stored_projects.every(db)}
        return [AppShape.of(one, names[one.project_id]) for one in stored.every(db)]


@router.post(
    "",
    status_code=201,
    responses=refusing(Problem.PROJECT_UNKNOWN, Problem.APP_EXISTS, *_SHAPES),
)
def create(hall: HallOf, visit: Manager, new: NewApp) -> AppSettings:
    """Add an app to a project."""
    app = apps.add(hall.house, visit.user.actor, new.project, new.platform, new.change())
    with hall.house.database.reading() as db:
        return _settings(db, hall, app.name)


@router.get("/{name}", responses=refusing(Problem.APP_UNKNOWN))
def show(hall: HallOf, visit: Looker, name: str) -> AppShape:
    """Show an app."""
    with hall.house.database.reading() as db:
        app = apps.found(db, name)
        return AppShape.of(app, stored_projects.by_id(db, app.project_id).name)


@router.get("/{name}/settings", responses=refusing(Problem.FORBIDDEN, Problem.APP_UNKNOWN))
def settings(hall: HallOf, visit: Manager, name: str) -> AppSettings:
    """Show an app with everything that can be set, but the credential."""
    with hall.house.database.reading() as db:
        return _settings(db, hall, name)


@router.patch(
    "/{name}",
    responses=refusing(
        Problem.APP_UNKNOWN,
        Problem.APP_EXISTS,
        Problem.RELEASE_BUSY,
        Problem.NOTHING_TO_CHANGE,
        Problem.CHANGED_MEANWHILE,
        *_SHAPES,
    ),
)
def change(hall: HallOf, visit: Manager, name: str, wanted: ChangedApp) -> AppSettings:
    """Change an app; running releases keep what they began with."""
    app = apps.edit(hall.house, visit.user.actor, name, wanted.change())
    with hall.house.database.reading() as db:
        return _settings(db, hall, app.name)


@router.delete(
    "/{name}",
    status_code=204,
    responses=refusing(Problem.APP_UNKNOWN, Problem.RELEASE_BUSY),
)
def delete(hall: HallOf, visit: Manager, name: str) -> None:
    """Remove an app with its credential; its releases stay for the record."""
    apps.remove(hall.house, visit.user.actor, name)


@router.post(
    "/{name}/check",
    responses=refusing(Problem.APP_UNKNOWN, Problem.NO_WORKER, Problem.NO_ANSWER),
)
def check(request: Request, hall: HallOf, visit: Manager, name: str) -> CheckShape:
    """Ask the platform whether it accepts the app's credential."""
    with hall.house.database.reading() as db:
        label = apps.found(db, name).label
    error = None
    try:
        hall.ask(label, Errand(ErrandKind.CHECK, name), seconds=_CHECK_SECONDS, max_age=0)
    except StageFailed as failure:
        error = TroubleShape.of(failure.trouble, Words(language(request)))
    return CheckShape(
        accepted=error is None, error=error, address=asking.outside_address(hall, label)
    )


def _settings(db: Reader, hall: Hall, name: str) -> AppSettings:
    app = apps.found(db, name)
    project = stored_projects.by_id(db, app.project_id).name
    return AppSettings.with_all(app, project, apps.kept_credential(db, hall.house, app))
