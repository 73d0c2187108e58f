"""Flash messages: show the result of a form on the next page, without scripts.

The redirect sets a cookie with message id and parameters; the next page shows the message and
deletes the cookie.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from mprelease.domain.problems import Message
from mprelease.web.context import WebContext

_COOKIE = "done"
# Only these ids are accepted: the cookie is not signed.
_PREFIX = "done."
_SECONDS = 60


def done(context: WebContext, address: str, message: Message) -> Response:
    """Redirect to a path of this site that shows `message`, whose id begins with `done.`."""
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
    """Return the message for the page of this request; None for none, and for parts of pages."""
    # Background requests of scripts must not consume the message of the next page.
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
    """Delete the cookie of a message that was shown."""
    answer.delete_cookie(_COOKIE)
