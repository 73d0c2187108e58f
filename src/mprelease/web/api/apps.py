"""API of apps: list, show, create, change, delete, and check the credential."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from mprelease.domain.errors import StageFailed
from mprelease.domain.problems import Problem
from mprelease.domain.worker_queries import WorkerQuery, WorkerQueryKind
from mprelease.i18n import Translator
from mprelease.schemas.apps import AppChange
from mprelease.schemas.documents import ProblemModel
from mprelease.services import apps
from mprelease.storage import apps as stored
from mprelease.storage import projects as stored_projects
from mprelease.storage.database import Reader
from mprelease.web import worker_queries
from mprelease.web.api.app_models import AppModel, AppSettings, NewApp, settings_of
from mprelease.web.api.refusals import refusing
from mprelease.web.context import WebContext
from mprelease.web.identity import CanManage, CanView, ContextOf
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


class CheckModel(BaseModel):
    """The platform's answer about a credential, and the worker's public address, if known."""

    accepted: bool
    error: ProblemModel | None
    address: str | None


@router.get("")
def list_all(context: ContextOf, session: CanView) -> list[AppModel]:
    """List the apps by name."""
    with context.services.database.reading() as db:
        names = {project.id: project.name for project in stored_projects.every(db)}
        return [AppModel.of(one, names[one.project_id]) for one in stored.every(db)]


@router.post(
    "",
    status_code=201,
    response_model=AppSettings,
    responses=refusing(Problem.PROJECT_UNKNOWN, Problem.APP_EXISTS, *_SHAPES),
)
def create(context: ContextOf, session: CanManage, new: NewApp) -> AppModel:
    """Add an app to a project."""
    app = apps.add(context.services, session.user.actor, new.project, new.platform, new)
    with context.services.database.reading() as db:
        return _settings(db, context, app.name)


@router.get("/{name}", responses=refusing(Problem.APP_UNKNOWN))
def show(context: ContextOf, session: CanView, name: str) -> AppModel:
    """Show an app."""
    with context.services.database.reading() as db:
        app = apps.get(db, name)
        return AppModel.of(app, stored_projects.by_id(db, app.project_id).name)


@router.get(
    "/{name}/settings",
    response_model=AppSettings,
    responses=refusing(Problem.FORBIDDEN, Problem.APP_UNKNOWN),
)
def settings(context: ContextOf, session: CanManage, name: str) -> AppModel:
    """Show an app with all settings except the credential."""
    with context.services.database.reading() as db:
        return _settings(db, context, name)


@router.patch(
    "/{name}",
    response_model=AppSettings,
    responses=refusing(
        Problem.APP_UNKNOWN,
        Problem.APP_EXISTS,
        Problem.RELEASE_BUSY,
        Problem.NOTHING_TO_CHANGE,
        Problem.CHANGED_MEANWHILE,
        *_SHAPES,
    ),
)
def change(context: ContextOf, session: CanManage, name: str, wanted: AppChange) -> AppModel:
    """Change an app; running releases keep the settings with which they began."""
    app = apps.edit(context.services, session.user.actor, name, wanted)
    with context.services.database.reading() as db:
        return _settings(db, context, app.name)


@router.delete(
    "/{name}",
    status_code=204,
    responses=refusing(Problem.APP_UNKNOWN, Problem.RELEASE_BUSY),
)
def delete(context: ContextOf, session: CanManage, name: str) -> None:
    """Remove an app with its credential; its releases are kept."""
    apps.remove(context.services, session.user.actor, name)


@router.post(
    "/{name}/check",
    responses=refusing(
        Problem.APP_UNKNOWN, Problem.NO_WORKER, Problem.NO_ANSWER, Problem.TOO_MANY_QUERIES
    ),
)
def check(request: Request, context: ContextOf, session: CanManage, name: str) -> CheckModel:
    """Check whether the platform accepts the app's credential."""
    with context.services.database.reading() as db:
        label = apps.get(db, name).label
    error = None
    try:
        context.ask(
            label, WorkerQuery(WorkerQueryKind.CHECK, name), seconds=_CHECK_SECONDS, max_age=0
        )
    except StageFailed as failure:
        error = ProblemModel.of(failure.problem_detail, Translator(language(request)).of)
    return CheckModel(
        accepted=error is None, error=error, address=worker_queries.outside_address(context, label)
    )


def _settings(db: Reader, context: WebContext, name: str) -> AppModel:
    app = apps.get(db, name)
    project = stored_projects.by_id(db, app.project_id).name
    return settings_of(app, project, apps.kept_credential(db, context.services, app))
