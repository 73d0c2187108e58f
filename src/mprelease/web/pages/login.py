"""Logging in and out, and the language of somebody who has not."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from mprelease.domain.errors import Refused
from mprelease.i18n import Language
from mprelease.services import door
from mprelease.services.door import Account
from mprelease.services.users import is_issued
from mprelease.web.hall import hall_of
from mprelease.web.identity import COOKIE, Looker, safe_address, visitor
from mprelease.web.known_browsers import browser_of, remember_browser
from mprelease.web.login_throttle import Attempt
from mprelease.web.rendering import LANGUAGE_COOKIE, page
from mprelease.web.statuses import status_of

router = APIRouter(include_in_schema=False)
_YEAR = 31_536_000


@router.get("/login")
def show(request: Request, next: str = "/") -> Response:
    """Show the form, or go on for somebody who is in already."""
    if visitor(request):
        return RedirectResponse(safe_address(next), 303)
    return page(request, "login.html", next=safe_address(next), name="", trouble=None)


@router.post("/login")
def log_in(
    request: Request,
    name: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=400)],
    *,
    remember: Annotated[bool, Form()] = False,
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Begin a login with a new secret, whatever cookie came along."""
    hall = hall_of(request)
    account = door.account(hall.house, name.strip())
    attempt = _attempt(request, account, name, password)
    try:
        hall.login_throttle.count(attempt)
        browser = request.headers.get("user-agent", "")
        secret, ttl = door.log_in(
            hall.house, name.strip(), password, remember=remember, browser=browser
        )
    except Refused as refused:
        trouble, wanted = refused.trouble, safe_address(next)
        status = status_of(trouble.problem)
        return page(request, "login.html", status, next=wanted, name=name, trouble=trouble)
    hall.login_throttle.succeeded(attempt)
    answer = RedirectResponse(safe_address(next), 303)
    answer.set_cookie(
        COOKIE,
        secret,
        max_age=ttl // 1000 if remember else None,
        httponly=True,
        samesite="lax",
        secure=hall.is_secure,
    )
    if account:
        remember_browser(answer, hall.house, account, is_secure=hall.is_secure)
    return answer


def _attempt(request: Request, account: Account | None, name: str, password: str) -> Attempt:
    house = hall_of(request).house
    return Attempt(
        name,
        request.client.host if request.client else "",
        account,
        browser_of(request, house, account),
        house.vault.fingerprint(password) if is_issued(house, password) else None,
    )


@router.post("/logout")
def log_out(request: Request, visit: Looker) -> Response:
    """End this login."""
    door.log_out(hall_of(request).house, visit)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE)
    return answer


@router.post("/language")
def choose_language(
    language: Annotated[Language, Form()],
    next: Annotated[str, Form()] = "/login",
) -> Response:
    """Remember a stranger's language in the browser; the profile's goes before it."""
    answer = RedirectResponse(safe_address(next), 303)
    answer.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR, httponly=True, samesite="lax")
    return answer
