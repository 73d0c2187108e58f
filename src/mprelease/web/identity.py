"""Authentication by cookie or token, and authorization, declared in each route's parameters.

    def show(request: Request, session: CanView) -> Response: ...

`CanView`, `CanRelease` and `CanManage` are sessions of users with that right; forms must also
contain the CSRF token of their login.
"""

from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request
from fastapi.requests import HTTPConnection

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.domain.users import Permission
from mprelease.security import csrf
from mprelease.services import sessions
from mprelease.services.sessions import Session
from mprelease.storage.access_keys import KeyKind
from mprelease.web.context import WebContext, context_of

COOKIE = "mprelease"
CSRF_FIELD = "csrf"
CSRF_HEADER = "x-csrf"
HARMLESS = {"GET", "HEAD", "OPTIONS"}
METRICS = "/metrics"
_BEARER = "bearer "


def session_of(request: HTTPConnection) -> Session | None:
    """Return the session of a request; None without a valid login or token."""
    context = context_of(request)
    given = bearer_of(request)
    # Tokens are for the API only: with pages a stolen token could be used to create others.
    if given is not None and is_for_programs(request.url.path):
        return sessions.find(context.services, given, KeyKind.TOKEN)
    secret = request.cookies.get(COOKIE)
    return sessions.find(context.services, secret, KeyKind.LOGIN) if secret else None


def bearer_of(request: HTTPConnection) -> str | None:
    """Return the token in the `Authorization` header; None if it has none."""
    given = request.headers.get("authorization", "")
    return given[len(_BEARER) :].strip() if given.lower().startswith(_BEARER) else None


def is_for_programs(path: str) -> bool:
    """Return whether a path is the API's or that of the metrics, not a page's."""
    return path.startswith("/api/") or path == METRICS


class RequiredRight:
    """A dependency that requires a permission; a test of all routes reads `right`."""

    def __init__(self, right: Permission) -> None:
        """Take the permission that a route requires."""
        self.right = right

    async def __call__(
        self, request: Request, session: Annotated[Session | None, Depends(session_of)]
    ) -> Session:
        """Return the session; raise Refused without login, CSRF token or permission."""
        if session is None:
            raise Refused(Problem.LOGIN_NEEDED)
        request.state.session = session
        if session.key.kind is KeyKind.LOGIN and request.method not in HARMLESS:
            await _refuse_foreign_form(request, session)
        if not session.user.role.may(self.right):
            raise Refused(Problem.FORBIDDEN)
        return session


CanView = Annotated[Session, Depends(RequiredRight(Permission.VIEW))]
CanRelease = Annotated[Session, Depends(RequiredRight(Permission.RELEASE))]
CanManage = Annotated[Session, Depends(RequiredRight(Permission.MANAGE))]


async def _context(request: Request) -> WebContext:
    # FastAPI would run a plain function in a thread.
    return context_of(request)


ContextOf = Annotated[WebContext, Depends(_context)]


def login_address(request: Request) -> str:
    """Return the login page's path, with the requested page as `next`."""
    wanted = request.url.path
    if request.url.query:
        wanted += f"?{request.url.query}"
    is_page = request.method == "GET" and wanted != "/" and not request.headers.get("hx-request")
    return f"/login?next={quote(wanted, safe='')}" if is_page else "/login"


def safe_address(wanted: str) -> str:
    """Return a path on this site unchanged, and `/` for any other URL."""
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return "/"
    is_ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    has_controls = any(ord(letter) < ord(" ") for letter in wanted)
    return wanted if is_ours and not (parts.scheme or parts.netloc or has_controls) else "/"


async def _refuse_foreign_form(request: Request, session: Session) -> None:
    given = request.headers.get(CSRF_HEADER)
    if given is None:
        form = await request.form()
        given = str(form.get(CSRF_FIELD, ""))
    if not csrf.is_valid(given, session.key.csrf):
        raise Refused(Problem.FORM_OUTDATED)
