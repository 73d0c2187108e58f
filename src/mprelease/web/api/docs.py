"""The OpenAPI document, as JSON and as an interactive page; both without a login."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mprelease.web.api.openapi import document
from mprelease.web.identity import session_of
from mprelease.web.rendering import page

router = APIRouter(prefix="/api", include_in_schema=False)


@router.get("/openapi.json")
def openapi(request: Request) -> dict[str, Any]:
    """Return the document."""
    return document(request.app)


@router.get("/docs")
def docs(request: Request) -> Response:
    """Show the interactive document; with a login its requests use that session."""
    request.state.session = session_of(request)
    return page(request, "api_docs.html")
