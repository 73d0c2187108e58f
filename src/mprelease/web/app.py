"""Make the web application: routes, headers, and what is answered when something is refused."""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import DatabaseError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from mprelease import __version__
from mprelease.domain.errors import TroubleError
from mprelease.domain.problems import Problem, Trouble
from mprelease.i18n import Words
from mprelease.web.api import nouns
from mprelease.web.api import releases as api_releases
from mprelease.web.hall import Hall
from mprelease.web.identity import login_address, visitor
from mprelease.web.pages import apps, home, login, people, profile, projects, releases, workers
from mprelease.web.rendering import STATIC, language, page

_log = logging.getLogger(__name__)
# In this order: the settings of an app stand before the forms of its releases.
_PAGES = (login, home, projects, apps, releases, people, profile, workers)
_API = (api_releases, nouns)
_STATUS = {
    Problem.LOGIN_NEEDED: 401,
    Problem.LOGIN_WRONG: 401,
    Problem.LOGIN_TOO_OFTEN: 429,
    Problem.FORBIDDEN: 403,
    Problem.FORM_OUTDATED: 403,
    Problem.SUPER_ADMIN_STAYS: 403,
    Problem.NOT_YOURSELF: 403,
    Problem.PAGE_UNKNOWN: 404,
    Problem.APP_UNKNOWN: 404,
    Problem.PROJECT_UNKNOWN: 404,
    Problem.RELEASE_UNKNOWN: 404,
    Problem.USER_UNKNOWN: 404,
    Problem.WORKER_UNKNOWN: 404,
    Problem.INTERNAL: 500,
    Problem.DATABASE_UNUSABLE: 503,
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_FOR_EVER = "public, max-age=31536000, immutable"
_HARMLESS = {"GET", "HEAD", "OPTIONS"}

Next = Callable[[Request], Awaitable[Response]]


def made(hall: Hall) -> FastAPI:
    """Return the application of one node."""
    app = FastAPI(
        title="mprelease", version=__version__, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.add_api_route("/api/openapi.json", app.openapi, include_in_schema=False)
    app.state.hall = hall
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.middleware("http")(_guard)
    for handled in (TroubleError, RequestValidationError, HTTPException, DatabaseError, Exception):
        app.add_exception_handler(handled, _told)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_api_route("/healthz", _healthz, include_in_schema=False)
    app.add_api_route("/readyz", _readyz, include_in_schema=False)
    for part in (*_PAGES, *_API):
        app.include_router(part.router)
    return app


def _healthz() -> PlainTextResponse:
    return PlainTextResponse("ok")


def _readyz(request: Request) -> PlainTextResponse:
    is_ready = request.app.state.hall.is_ready()
    return PlainTextResponse("ready" if is_ready else "not ready", 200 if is_ready else 503)


async def _guard(request: Request, call_next: Next) -> Response:
    """Refuse what another site sends in a browser's name, and tell browsers what pages may do."""
    if request.method not in _HARMLESS and _is_foreign(request):
        answer: Response = PlainTextResponse("this form comes from another site", 403)
    else:
        answer = await call_next(request)
    for name, value in _HEADERS.items():
        answer.headers.setdefault(name, value)
    is_file = request.url.path.startswith("/static/") and "v" in request.query_params
    kept = _FOR_EVER if is_file and answer.status_code == HTTPStatus.OK else "no-store"
    answer.headers.setdefault("Cache-Control", kept)
    hall: Hall = request.app.state.hall
    if hall.is_secure:
        answer.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return answer


def _is_foreign(request: Request) -> bool:
    """Tell whether a browser says that a form comes from elsewhere; programs say nothing."""
    origin = request.headers.get("origin")
    if origin is None:
        return request.headers.get("sec-fetch-site") in {"cross-site", "same-site"}
    hall: Hall = request.app.state.hall
    ours = {request.headers.get("host", "")}
    if hall.base_url:
        ours.add(urlsplit(hall.base_url).netloc)
    return urlsplit(origin).netloc not in ours


def _told(request: Request, error: Exception) -> Response:
    """Answer with words, in the form in which it was asked."""
    trouble = _trouble_of(error)
    status = _STATUS.get(trouble.problem, 422)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("%s %s", request.method, request.url.path, exc_info=error)
    say = Words(language(request))
    if request.url.path.startswith("/api/"):
        content = {
            "problem": trouble.problem,
            "message": say.of(trouble.message),
            "remedy": say.of(trouble.remedy),
        }
        return JSONResponse(content, status)
    if trouble.problem is Problem.LOGIN_NEEDED:
        return _to_login(request)
    if "hx-request" in request.headers:
        return page(request, "alert.html", status, trouble=trouble)
    if not hasattr(request.state, "visit") and trouble.problem is Problem.PAGE_UNKNOWN:
        request.state.visit = visitor(request)
    return page(request, "error.html", status, trouble=trouble, status_code=status)


def _to_login(request: Request) -> Response:
    address = login_address(request)
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": address})
    return RedirectResponse(address, 303)


def _trouble_of(error: Exception) -> Trouble:
    if isinstance(error, TroubleError):
        return error.trouble
    if isinstance(error, RequestValidationError):
        where = error.errors()[0]
        name = ".".join(str(part) for part in where["loc"][1:])
        return Trouble(Problem.FIELD_UNUSABLE, {"field": name, "detail": str(where["msg"])})
    if isinstance(error, HTTPException) and error.status_code in {404, 405}:
        return Trouble(Problem.PAGE_UNKNOWN)
    if isinstance(error, DatabaseError):
        return Trouble(Problem.DATABASE_UNUSABLE, {"detail": type(error).__name__})
    return Trouble(Problem.INTERNAL, {"detail": type(error).__name__})
