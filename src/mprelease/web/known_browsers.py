"""Recognise browsers that have logged in before, so that attempts of others do not lock them out.

A signed cookie for each user who has logged in with the browser, sent to the login page only. It
stays valid after a log-out and ends with the password, whose hash is part of the signed text.
"""

import hmac
import secrets

from fastapi import Request
from fastapi.responses import Response

from mprelease.services.context import ServiceContext
from mprelease.services.sessions import LoginAccount

_PATH = "/login"
_YEAR = 31_536_000
_NAME_BYTES = 12


def browser_of(
    request: Request, services: ServiceContext, account: LoginAccount | None
) -> str | None:
    """Return the id of the browser; None if it has not logged in to this account before."""
    if account is None:
        return None
    browser, _, signature = request.cookies.get(_cookie(account), "").partition(".")
    wanted = _signature(services, account, browser)
    return browser if hmac.compare_digest(signature.encode(), wanted.encode()) else None


def remember_browser(
    answer: Response, services: ServiceContext, account: LoginAccount, *, is_secure: bool
) -> None:
    """Set the cookie, for a year, after a login to this account."""
    browser = secrets.token_urlsafe(_NAME_BYTES)
    answer.set_cookie(
        _cookie(account),
        f"{browser}.{_signature(services, account, browser)}",
        max_age=_YEAR,
        path=_PATH,
        httponly=True,
        samesite="lax",
        secure=is_secure,
    )


def _cookie(account: LoginAccount) -> str:
    return f"mprelease-known-{account.user_id}"


def _signature(services: ServiceContext, account: LoginAccount, browser: str) -> str:
    signed = f"{account.user_id}.{account.stamp}.{browser}"
    return hmac.new(services.vault.key_for("known browsers"), signed.encode(), "sha256").hexdigest()
