"""Say on the page that follows a form what the form has done; without any script.

The words travel in a cookie of the redirect, as message id and parameters; the next page that is
shown takes them and deletes the cookie.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from mprelease.domain.problems import Message
from mprelease.web.context import WebContext

_COOKIE = "done"
# Only what this module is for; a cookie is text that anybody may have written.
_PREFIX = "done."
_SECONDS = 60


def done(context: WebContext, address: str, message: Message) -> Response:
    """Lead to an address of this site that will say `message`, whose id begins with `done.`."""
    answer = RedirectResponse(address, 303)
    content = json.dumps([message.id, dict(message.parameters)])
    answer.set_cookie(
        _COOKIE,
        urlsafe_b64encode(content.encode()).decode(),
        max_age=_SECONDS,
        httponly=True,
        samesite="lax",
        secure=context.is_secure,
    )
    return answer


def message_of(request: Request) -> Message | None:
    """Return what the page of this request shall say; None for nothing, and for parts of pages."""
    # What scripts fetch in the background must not take the words from the page on its way.
    is_shown = request.headers.get("sec-fetch-mode", "navigate") == "navigate"
    given = request.cookies.get(_COOKIE)
    if not given or not is_shown or "hx-request" in request.headers:
        return None
    try:
        name, parameters = json.loads(urlsafe_b64decode(given))
        return Message(str(name), dict(parameters)) if str(name).startswith(_PREFIX) else None
    except (ValueError, TypeError):
        return None


def forget(answer: Response) -> None:
    """Delete the words: they have been said."""
    answer.delete_cookie(_COOKIE)
