"""Who asks, by cookie or token, and whether that one may: declared in each route's parameters.

    def show(request: Request, visit: Looker) -> Response: ...

`Looker`, `Releaser` and `Manager` are visits of somebody with that right; a form of a browser must
also carry the secret of its login.
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
_BEARER = "bearer "


def session_of(request: HTTPConnection) -> Session | None:
    """Return who comes with this request, None for a stranger."""
    context = context_of(request)
    given = request.headers.get("authorization", "")
    # A token is for programs: pages would let whoever found one make another.
    if given.lower().startswith(_BEARER) and request.url.path.startswith("/api/"):
        return sessions.find(context.services, given[len(_BEARER) :].strip(), KeyKind.TOKEN)
    secret = request.cookies.get(COOKIE)
    return sessions.find(context.services, secret, KeyKind.LOGIN) if secret else None


class RequiredRight:
    """Let in whoever has a right; the test of all routes reads `right` from here."""

    def __init__(self, right: Permission) -> None:
        """Take the right that a route asks for."""
        self.right = right

    async def __call__(
        self, request: Request, session: Annotated[Session | None, Depends(session_of)]
    ) -> Session:
        """Return the visit; raise Refused where it may not go on."""
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
    # A plain function would be called in a thread of its own, for nothing.
    return context_of(request)


ContextOf = Annotated[WebContext, Depends(_context)]


def login_address(request: Request) -> str:
    """Return the login page's address, which leads back to where somebody wanted to go."""
    wanted = request.url.path
    if request.url.query:
        wanted += f"?{request.url.query}"
    is_page = request.method == "GET" and wanted != "/" and not request.headers.get("hx-request")
    return f"/login?next={quote(wanted, safe='')}" if is_page else "/login"


def safe_address(wanted: str) -> str:
    """Return an address on this site, the first page for any other."""
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
