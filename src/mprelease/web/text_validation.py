"""Refuse at the door what no database keeps, whatever page or operation it is for."""

from fastapi import Request

from mprelease.schemas import validation as typed
from mprelease.web.identity import HARMLESS

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


async def refuse_unusable(request: Request) -> None:
    """Raise Refused(VALUE_UNUSABLE) for a NUL in the address or in a form; JSON has its shapes."""
    for text in (request.url.path, *request.path_params.values(), *request.query_params.values()):
        typed.plain(str(text))
    kind = request.headers.get("content-type", "")
    if request.method not in HARMLESS and kind.startswith(_FORMS):
        for value in (await request.form()).values():
            typed.plain(value if isinstance(value, str) else value.filename or "")
