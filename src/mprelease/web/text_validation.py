"""Refuse text that databases cannot store, for all routes before they run."""

from fastapi import Request

from mprelease.schemas import validation
from mprelease.web.identity import HARMLESS

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


async def refuse_unusable(request: Request) -> None:
    """Raise Refused(VALUE_UNUSABLE) for NUL or surrogates in the URL or a form.

    JSON bodies are checked by their models.
    """
    for text in (request.url.path, *request.path_params.values(), *request.query_params.values()):
        validation.plain(str(text))
    kind = request.headers.get("content-type", "")
    if request.method not in HARMLESS and kind.startswith(_FORMS):
        for value in (await request.form()).values():
            validation.plain(value if isinstance(value, str) else value.filename or "")
