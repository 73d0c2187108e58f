"""The OpenAPI document, as JSON and as a page to try it on; open to everybody."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from mprelease.web.api.document import document
from mprelease.web.identity import session_of
from mprelease.web.rendering import page

router = APIRouter(prefix="/api", include_in_schema=False)


@router.get("/openapi.json")
def openapi(request: Request) -> dict[str, Any]:
    """Return the document."""
    return document(request.app)


@router.get("/docs")
def docs(request: Request) -> Response:
    """Show the document; whoever is logged in tries it as oneself."""
    request.state.session = session_of(request)
    return page(request, "api_docs.html")
