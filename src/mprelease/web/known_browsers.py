"""Know a browser again that has logged in before: strangers' attempts do not shut it out.

A signed cookie for each user who has logged in there, sent to the login page alone. It survives a
log-out and ends with the password: what is stored of that is part of what is signed.
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
    """Return the name of the browser; None where it has not logged in to this account before."""
    if account is None:
        return None
    browser, _, signature = request.cookies.get(_cookie(account), "").partition(".")
    wanted = _signature(services, account, browser)
    return browser if hmac.compare_digest(signature.encode(), wanted.encode()) else None


def remember_browser(
    answer: Response, services: ServiceContext, account: LoginAccount, *, is_secure: bool
) -> None:
    """Let the browser show, for a year, that somebody has logged in there."""
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
