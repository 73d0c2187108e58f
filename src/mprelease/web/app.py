"""The web application: routes, middleware and error responses."""

import logging
from http import HTTPStatus

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from sqlalchemy.exc import DatabaseError, DataError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from mprelease import __version__
from mprelease.domain.errors import ProblemError
from mprelease.domain.problems import Problem, ProblemDetail
from mprelease.i18n import Translator
from mprelease.schemas.value_errors import detail_of
from mprelease.storage.outage import problem_detail_of_outage
from mprelease.web import live_socket
from mprelease.web.api import apps as api_apps
from mprelease.web.api import board as api_board
from mprelease.web.api import docs as api_docs
from mprelease.web.api import metrics as api_metrics
from mprelease.web.api import projects as api_projects
from mprelease.web.api import releases as api_releases
from mprelease.web.api import users as api_users
from mprelease.web.api import workers as api_workers
from mprelease.web.api.common_models import RefusalModel
from mprelease.web.api.openapi import methods
from mprelease.web.assets import Assets
from mprelease.web.body_limit import BodyLimit
from mprelease.web.context import WebContext
from mprelease.web.guard import Guard, add_headers
from mprelease.web.http_status import status_of
from mprelease.web.identity import is_for_programs, login_address, session_of
from mprelease.web.pages import (
    app_pages,
    apps,
    boards,
    home,
    login,
    logs,
    profile,
    project_release,
    projects,
    releases,
    shares,
    storage,
    suggestions,
    users,
    workers,
)
from mprelease.web.rendering import language, page
from mprelease.web.request_log import HEADER, RequestLog, request_id_of
from mprelease.web.text_validation import refuse_unusable

_log = logging.getLogger(__name__)
# Order matters: `/apps/{name}/settings` must be matched before `/apps/{name}/{kind}`.
_PAGES = (
    login,
    home,
    project_release,
    projects,
    suggestions,
    boards,
    app_pages,
    apps,
    releases,
    logs,
    shares,
    users,
    profile,
    storage,
    workers,
)
_API = (
    api_docs,
    api_releases,
    api_projects,
    api_apps,
    api_board,
    api_users,
    api_workers,
    api_metrics,
)
# Problems that are logged, because an operator must solve them.
_SERVER_PROBLEMS = {Problem.INTERNAL, Problem.DATABASE_UNUSABLE, Problem.DATABASE_BUSY}


def create_app(context: WebContext) -> FastAPI:
    """Return the web application of one node."""
    app = FastAPI(
        title="mprelease", version=__version__, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.state.context = context
    app.add_middleware(BodyLimit)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(Guard, error_response=_error_response)
    app.add_middleware(RequestLog)
    for handled in (ProblemError, RequestValidationError, HTTPException, DatabaseError, Exception):
        app.add_exception_handler(handled, _error_response)
    app.mount("/static", Assets(), name="static")
    app.add_api_route("/healthz", _healthz, include_in_schema=False)
    app.add_api_route("/readyz", _readyz, include_in_schema=False)
    for part in (*_PAGES, *_API):
        app.include_router(part.router, dependencies=[Depends(refuse_unusable)])
    app.include_router(live_socket.router)
    return app


async def _healthz() -> PlainTextResponse:
    return PlainTextResponse("ok")


def _readyz(request: Request) -> PlainTextResponse:
    is_ready = request.app.state.context.is_ready()
    return PlainTextResponse("ready" if is_ready else "not ready", 200 if is_ready else 503)


def _error_response(request: Request, error: Exception) -> Response:
    """Return the error as JSON for the API, as an alert for htmx, else as a page."""
    answer = _error_content(request, error)
    # The response to an unexpected error does not pass through the middleware.
    answer.headers[HEADER] = request_id_of(request)
    return answer


def _error_content(request: Request, error: Exception) -> Response:
    problem_detail = _problem_detail_of(request, error)
    status = status_of(problem_detail.problem)
    if problem_detail.problem in _SERVER_PROBLEMS:
        # The scope of a WebSocket has no method.
        method = request.scope.get("method", "socket")
        _log.error("%s %s", method, request.url.path, exc_info=error)
    if is_for_programs(request.url.path):
        content = RefusalModel.of(
            problem_detail, Translator(language(request)).of, app=problem_detail.app
        ).model_dump(exclude_none=True)
        return JSONResponse(content, status, _allowed(request, status))
    if problem_detail.problem is Problem.LOGIN_NEEDED:
        return _to_login(request)
    is_ours = problem_detail.problem in _SERVER_PROBLEMS
    shown = {"problem_detail": problem_detail, "request_id": is_ours and request_id_of(request)}
    if "hx-request" in request.headers:
        return page(request, "alert.html", status, **shown)
    if not hasattr(request.state, "session") and problem_detail.problem is Problem.PAGE_UNKNOWN:
        request.state.session = session_of(request)
    # The same server problem may make the queries of the sidebar fail.
    bare = {"sidebar": None} if is_ours else {}
    answer = page(request, "error.html", status, status_code=status, **shown, **bare)
    # The response to an unexpected error does not pass through the Guard middleware.
    add_headers(answer.headers, request, status)
    return answer


def _to_login(request: Request) -> Response:
    address = login_address(request)
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": address})
    return RedirectResponse(address, 303)


def _allowed(request: Request, status: int) -> dict[str, str]:
    if status != HTTPStatus.METHOD_NOT_ALLOWED:
        return {}
    return {"Allow": ", ".join(methods(request.app, request.url.path))}


def _problem_detail_of(request: Request, error: Exception) -> ProblemDetail:
    if isinstance(error, ProblemError):
        return error.problem_detail
    if isinstance(error, RequestValidationError):
        where = error.errors()[0]
        name = ".".join(str(part) for part in where["loc"][1:]) or str(where["loc"][0])
        return ProblemDetail(
            Problem.FIELD_UNUSABLE, {"field": _printable(name), "detail": detail_of(where)}
        )
    if isinstance(error, HTTPException):
        return _problem_detail_of_protocol(request, error)
    if isinstance(error, DataError):
        return ProblemDetail(Problem.VALUE_UNUSABLE)
    if isinstance(error, (DatabaseError, PoolTimeoutError)):
        problem_detail = problem_detail_of_outage(error)
        # The driver's message contains hosts and paths, which users must not see.
        named = {"detail": type(error).__name__} if problem_detail.parameters else {}
        return ProblemDetail(problem_detail.problem, named)
    return ProblemDetail(Problem.INTERNAL, {"detail": type(error).__name__})


def _problem_detail_of_protocol(request: Request, error: HTTPException) -> ProblemDetail:
    """Return the problem of a framework error: unknown path, method, or an unreadable body."""
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return ProblemDetail(Problem.PAGE_UNKNOWN)
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return ProblemDetail(Problem.METHOD_UNKNOWN, {"method": request.method})
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return ProblemDetail(Problem.BODY_TOO_LARGE)
        case HTTPStatus.BAD_REQUEST:
            return ProblemDetail(Problem.FIELD_UNUSABLE, {"field": "body", "detail": error.detail})
    return ProblemDetail(Problem.INTERNAL, {"detail": str(error.status_code)})


def _printable(name: str) -> str:
    return name.encode(errors="replace").decode()
