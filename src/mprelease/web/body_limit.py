"""Limit the size of request bodies: 1 MiB for the API, 8 MiB for forms."""

from http import HTTPStatus

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LARGEST_JSON = 2**20
# A picture of 5 MiB, and the rest of its form.
_LARGEST_FORM = 8 * 2**20


class BodyLimit:
    """Middleware that refuses a request while its body is read, as soon as it is too large."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the bytes that the application receives; raise HTTPException(413) in its read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        left = _LARGEST_JSON if scope["path"].startswith("/api/") else _LARGEST_FORM

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return message

        await self._app(scope, counted, send)
