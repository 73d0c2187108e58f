"""Put pages together: templates, words in the reader's language, and what every page shows."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from mprelease.domain.people import Right
from mprelease.domain.platforms import Platform
from mprelease.i18n import Language, Words, language_of
from mprelease.platforms.registry import driver_of
from mprelease.security import csrf
from mprelease.services.door import Visit
from mprelease.web import sights
from mprelease.web.hall import hall_of
from mprelease.web.identity import CSRF_FIELD

STATIC = Path(__file__).with_name("static")
LANGUAGE_COOKIE = "language"
_MINUTE = 60


def page(request: Request, template: str, status: int = 200, **context: object) -> HTMLResponse:
    """Return a page in the reader's language; strangers see it without the frame."""
    visit: Visit | None = getattr(request.state, "visit", None)
    shown: dict[str, Any] = {
        "request": request,
        "visit": visit,
        "say": Words(language(request)),
        "now": hall_of(request).house.now(),
        "timezone": hall_of(request).house.timezone,
        "may": _rights(visit),
        "frame": sights.frame(hall_of(request).house) if visit and _is_whole(request) else None,
        "untrusted_proxies": hall_of(request).untrusted_proxies.peers,
        **context,
    }
    return HTMLResponse(_templates().get_template(template).render(shown), status)


def language(request: Request) -> Language:
    """Return the reader's language: the profile's, else the browser's choice or wish."""
    visit: Visit | None = getattr(request.state, "visit", None)
    wish = visit.user.language if visit else None
    wish = wish or request.cookies.get(LANGUAGE_COOKIE)
    return language_of(wish or request.headers.get("accept-language") or Language.CHINESE)


def _is_whole(request: Request) -> bool:
    """Tell whether a whole page is wanted, and not a part that htmx puts into one."""
    return "hx-request" not in request.headers


def _rights(visit: Visit | None) -> Callable[[str], bool]:
    return lambda right: bool(visit and visit.user.role.may(Right(right)))


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("mprelease.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "ago": _ago,
        "duration": _duration,
        "size": _size,
        "moment": _moment,
    }
    made.globals |= {
        "asset": _asset,
        "csrf_field": _csrf_field,
        "csrf_token": _csrf_token,
        "console_url": _console_url,
        "size_limits": lambda platform: driver_of(platform).size_limits(),
    }
    return made


@cache
def _asset(name: str) -> str:
    """Return the address of a file; it changes with its content, so that browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


@pass_context
def _csrf_field(context: Context) -> Markup:
    token = _csrf_token(context)
    return Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, token)


@pass_context
def _csrf_token(context: Context) -> str:
    visit: Visit | None = context["visit"]
    return csrf.masked(visit.key.csrf) if visit else ""


@pass_context
def _ago(context: Context, at: int | None) -> Markup:
    """Tell how long ago a moment in ms was, with the exact time on hover."""
    if at is None:
        return Markup("–")
    say: Words = context["say"]
    seconds = max(0, (context["now"] - at) // 1000)
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", _MINUTE)):
        if seconds >= length:
            words = say(f"web.ago.{unit}", count=seconds // length)
            break
    else:
        words = say("web.ago.now")
    exact = datetime.fromtimestamp(at / 1000, context["timezone"])
    shown = exact.isoformat(" ", "seconds")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(_moment(at), shown, words)


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")


def _duration(milliseconds: int) -> str:
    seconds = milliseconds / 1000
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes}:{rest:02d} min"


def _size(count: int) -> str:
    return f"{count / 1024:.0f} KB" if count < 2**20 else f"{count / 2**20:.2f} MB"


def _console_url(platform: Platform, app_id: str) -> str:
    return driver_of(platform).console_url(app_id)
