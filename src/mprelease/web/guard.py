"""Middleware for all routes: refuse cross-site forms, and add the security headers."""

from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.requests import HTTPConnection
from fastapi.responses import Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mprelease.domain.errors import Refused
from mprelease.domain.problems import Problem
from mprelease.web import assets
from mprelease.web.context import context_of
from mprelease.web.identity import HARMLESS

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
_IMMUTABLE = "public, max-age=31536000, immutable"
_FOUND = {HTTPStatus.OK, HTTPStatus.NOT_MODIFIED}
_ONE_YEAR_HTTPS = "max-age=31536000"


class Guard:
    """Refuse cross-site requests that change something; add default headers to all responses."""

    def __init__(
        self, app: ASGIApp, error_response: Callable[[Request, Exception], Response]
    ) -> None:
        """Wrap an application; `error_response` returns the response for a refusal."""
        self._app = app
        self._error_response = error_response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        context_of(request).untrusted_proxies.notice(scope)
        is_secure = context_of(request).is_secure

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_headers(MutableHeaders(scope=message), request, message["status"])
                if is_secure:
                    MutableHeaders(scope=message)["Strict-Transport-Security"] = _ONE_YEAR_HTTPS
            await send(message)

        if request.method not in HARMLESS and is_foreign(request):
            refusal = self._error_response(request, Refused(Problem.FORM_OUTDATED))
            await refusal(scope, receive, guarded)
        else:
            await self._app(scope, receive, guarded)


def add_headers(headers: MutableHeaders, request: Request, status: int) -> None:
    """Add the default headers that a response does not set itself.

    "Not modified" keeps those of the stored response.
    """
    for name, value in _HEADERS.items() if status != HTTPStatus.NOT_MODIFIED else ():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", _cache_control(request.url.path, status))


def _cache_control(path: str, status: int) -> str:
    """Return the cache policy: static files may be cached, pages not."""
    if not path.startswith(assets.PREFIX) or status not in _FOUND:
        return "no-store"
    return _IMMUTABLE if assets.is_immutable(path) else "no-cache"


def is_foreign(request: HTTPConnection) -> bool:
    """Return whether a browser marks a request as cross-site; programs send no such headers."""
    origin = request.headers.get("origin")
    if origin is None:
        return request.headers.get("sec-fetch-site") in {"cross-site", "same-site"}
    ours = {request.headers.get("host", "")}
    if base_url := context_of(request).base_url:
        ours.add(urlsplit(base_url).netloc)
    try:
        return urlsplit(origin).netloc not in ours
    except ValueError:
        return True
