"""Log in and out, and the language of browsers without a login."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from mprelease.domain.errors import Refused
from mprelease.i18n import Language
from mprelease.services import sessions
from mprelease.services.sessions import LoginAccount
from mprelease.services.users import is_issued
from mprelease.web.context import context_of
from mprelease.web.http_status import status_of
from mprelease.web.identity import COOKIE, CanView, safe_address, session_of
from mprelease.web.known_browsers import browser_of, remember_browser
from mprelease.web.login_throttle import Attempt
from mprelease.web.rendering import LANGUAGE_COOKIE, page

router = APIRouter(include_in_schema=False)
_YEAR = 31_536_000


@router.get("/login")
def show(request: Request, next: str = "/") -> Response:
    """Show the form; with a login redirect to `next`."""
    if session_of(request):
        return RedirectResponse(safe_address(next), 303)
    return page(request, "login.html", next=safe_address(next), name="", problem_detail=None)


@router.post("/login")
def log_in(
    request: Request,
    name: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=400)],
    *,
    remember: Annotated[bool, Form()] = False,
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Create a login with a new secret, independent of a cookie of the request."""
    context = context_of(request)
    account = sessions.account(context.services, name.strip())
    attempt = _attempt(request, account, name, password)
    try:
        context.login_throttle.count(attempt)
        browser = request.headers.get("user-agent", "")
        secret, ttl = sessions.log_in(
            context.services, name.strip(), password, remember=remember, browser=browser
        )
    except Refused as refused:
        problem_detail, wanted = refused.problem_detail, safe_address(next)
        status = status_of(problem_detail.problem)
        return page(
            request, "login.html", status, next=wanted, name=name, problem_detail=problem_detail
        )
    context.login_throttle.succeeded(attempt)
    answer = RedirectResponse(safe_address(next), 303)
    answer.set_cookie(
        COOKIE,
        secret,
        max_age=ttl // 1000 if remember else None,
        httponly=True,
        samesite="lax",
        secure=context.is_secure,
    )
    if account:
        remember_browser(answer, context.services, account, is_secure=context.is_secure)
    return answer


def _attempt(request: Request, account: LoginAccount | None, name: str, password: str) -> Attempt:
    services = context_of(request).services
    return Attempt(
        name,
        request.client.host if request.client else "",
        account,
        browser_of(request, services, account),
        services.vault.fingerprint(password) if is_issued(services, password) else None,
    )


@router.post("/logout")
def log_out(request: Request, session: CanView) -> Response:
    """End the login of this request."""
    sessions.log_out(context_of(request).services, session)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE)
    return answer


@router.post("/language")
def choose_language(
    language: Annotated[Language, Form()],
    next: Annotated[str, Form()] = "/login",
) -> Response:
    """Set a cookie with the language; that of a user's profile overrides it."""
    answer = RedirectResponse(safe_address(next), 303)
    answer.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR, httponly=True, samesite="lax")
    return answer
