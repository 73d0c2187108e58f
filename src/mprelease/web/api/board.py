"""API of boards: what is on each robot or channel of an app, and which version testers see."""

from fastapi import APIRouter

from mprelease.domain.problems import Problem
from mprelease.schemas.board_document import BoardModel, TrialMark, board_of
from mprelease.services import board, projects
from mprelease.storage import apps as stored_apps
from mprelease.web import worker_queries
from mprelease.web.api.refusals import refusing
from mprelease.web.context import WebContext
from mprelease.web.identity import CanRelease, CanView, ContextOf

router = APIRouter(prefix="/api/v1", tags=["apps"])


@router.get(
    "/apps/{name}/board", responses=refusing(Problem.APP_UNKNOWN, Problem.PLATFORM_NOT_SERVED)
)
def show(context: ContextOf, session: CanView, name: str) -> BoardModel:
    """Show which version is on each robot or channel of an app."""
    return _board(context, name)


@router.get("/projects/{name}/board", responses=refusing(Problem.PROJECT_UNKNOWN))
def show_all(context: ContextOf, session: CanView, name: str) -> list[BoardModel]:
    """Show the boards of a project's apps."""
    with context.services.database.reading() as db:
        members = stored_apps.of_project(db, projects.get(db, name).id)
        return [board_of(each) for each in board.boards(db, members)]


@router.put(
    "/apps/{name}/trial",
    responses=refusing(Problem.APP_UNKNOWN, Problem.ROBOT_RANGE, Problem.TRIAL_REPORTED),
)
def mark(context: ContextOf, session: CanRelease, name: str, trial: TrialMark) -> BoardModel:
    """Mark the robot or channel whose version testers see, as it was set in the console."""
    board.mark(context.services, session.user.actor, name, trial.robot)
    return _board(context, name)


@router.post(
    "/apps/{name}/trial/refresh",
    responses=refusing(
        Problem.APP_UNKNOWN,
        Problem.TRIAL_NOT_REPORTED,
        Problem.NO_WORKER,
        Problem.NO_ANSWER,
        Problem.TOO_MANY_QUERIES,
        Problem.PLATFORM_REFUSED,
        Problem.PLATFORM_UNREACHABLE,
    ),
)
def refresh(context: ContextOf, session: CanRelease, name: str) -> BoardModel:
    """Request from the platform which version testers see."""
    worker_queries.ask_trial(context, name)
    return _board(context, name)


def _board(context: WebContext, name: str) -> BoardModel:
    with context.services.database.reading() as db:
        return board_of(board.of_app(db, name))
