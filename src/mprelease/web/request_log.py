"""Middleware for all routes: give each request an id, and count it for the metrics."""

import re
import time
from secrets import token_hex

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mprelease import log_context
from mprelease.web import assets
from mprelease.web.context import context_of
from mprelease.web.metrics import RequestRecord

HEADER = "X-Request-ID"
# What a proxy sends is written to logs and pages: letters, digits and a few marks only.
_HARMLESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_UNKNOWN_ROUTE = "unknown"


class RequestLog:
    """Set the id of a request in the log's context, in `request.state`, and in the response."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request or a WebSocket on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        number = _id_of(scope)
        scope.setdefault("state", {})["request_id"] = number
        # Not reset: the server runs each request in a context of its own, and logs in it later.
        log_context.request_id.set(number)
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
        else:
            await self._answer(scope, receive, send, number)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, number: str) -> None:
        began = time.perf_counter()
        # The server answers an exception with 500.
        status = 500

        async def numbered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = number
            await send(message)

        try:
            await self._app(scope, receive, numbered)
        finally:
            took = time.perf_counter() - began
            record = RequestRecord(scope["method"], _route(scope), status, took)
            context_of(Request(scope)).metrics.answered(record)


def request_id_of(request: Request) -> str:
    """Return the id of a request."""
    number: str = request.state.request_id
    return number


def _id_of(scope: Scope) -> str:
    given = Headers(scope=scope).get(HEADER, "")
    return given if _HARMLESS.fullmatch(given) else token_hex(8)


def _route(scope: Scope) -> str:
    """Return the template of a request's route: paths themselves would be without end."""
    if scope["path"].startswith(assets.PREFIX):
        return assets.PREFIX
    route: str = getattr(scope.get("route"), "path", _UNKNOWN_ROUTE)
    return route
