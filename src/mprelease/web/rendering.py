"""Render pages: templates, the reader's language, and the context of all pages."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache, lru_cache, partial
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from jinja2.utils import url_quote
from markupsafe import Markup, escape

from mprelease.domain.codes import Code
from mprelease.domain.platforms import Platform, SizeLimits
from mprelease.domain.releases import Kind, Release, StageRecord, StageState
from mprelease.domain.users import Permission
from mprelease.i18n import Language, Translator, language_of
from mprelease.i18n.progress import about, progress
from mprelease.i18n.quantities import duration, size
from mprelease.platforms.registry import driver_of, presentation_of, served, with_one_trial_code
from mprelease.security import csrf
from mprelease.services.sessions import Session
from mprelease.storage.lists import AppSummary, ProjectSection
from mprelease.web import assets, flash, sidebar
from mprelease.web.code_display import ShownCode, exact, moment, shown_code
from mprelease.web.context import context_of
from mprelease.web.identity import CSRF_FIELD
from mprelease.web.matrix import Row
from mprelease.web.page_words import PageTranslator
from mprelease.web.rail import rail_of

LANGUAGE_COOKIE = "language"
_CODE = re.compile(r"`([^`]+)`")


def page(request: Request, template: str, status: int = 200, **context: object) -> HTMLResponse:
    """Render a template in the reader's language; without a session there is no sidebar."""
    session: Session | None = getattr(request.state, "session", None)
    services = context_of(request).services
    shown: dict[str, Any] = {
        "request": request,
        "session": session,
        "t": PageTranslator(language(request), manages=_rights(session)("manage")),
        "now": services.now(),
        "timezone": services.timezone,
        "may": _rights(session),
        "untrusted_proxies": context_of(request).untrusted_proxies.peers,
        "flash": flash.message_of(request),
        **context,
    }
    if "sidebar" not in shown:
        has_sidebar = session and _is_whole(request)
        shown["sidebar"] = sidebar.sidebar(services) if has_sidebar else None
    answer = HTMLResponse(_templates().get_template(template).render(shown), status)
    if shown["flash"]:
        flash.forget(answer)
    return answer


def language(request: Request) -> Language:
    """Return the reader's language: of the profile, else of the cookie or Accept-Language."""
    session: Session | None = getattr(request.state, "session", None)
    preferred = session.user.language if session else None
    preferred = preferred or request.cookies.get(LANGUAGE_COOKIE)
    return language_of(preferred or request.headers.get("accept-language") or Language.CHINESE)


def _is_whole(request: Request) -> bool:
    """Return whether a whole page is requested, not a fragment for htmx."""
    return "hx-request" not in request.headers


def _rights(session: Session | None) -> Callable[[str], bool]:
    return lambda right: bool(session and session.user.role.may(Permission(right)))


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("mprelease.web"),
        autoescape=True,
        undefined=StrictUndefined,
        # Else each use of a template looks whether its file has changed.
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "ago": _ago,
        "duration": duration,
        "size": size,
        "moment": moment,
        "clock": _clock,
        "details": _details,
        "with_code": _with_code,
        "exact": _exact,
    }
    made.globals |= {
        "asset": assets.address,
        "csrf_field": _csrf_field,
        "csrf_token": _csrf_token,
        "console_url": _console_url,
        "console_host": _console_host,
        "presentation_of": presentation_of,
        "has_robots": _has_robots,
        "has_one_trial_code": lambda platform: platform in with_one_trial_code(),
        "stages_of": _stages_of,
        "size_limits": _size_limits,
        "navigation": _navigation,
        "project_of": _project_of,
        "matrix_row": _matrix_row,
        "shown_code": _shown_code,
        "rail_of": rail_of,
        "new_key": partial(token_hex, 8),
        "progress_of": progress,
        "about": about,
    }
    return made


@pass_context
def _csrf_field(context: Context) -> Markup:
    token = _csrf_token(context)
    return Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, token)


@pass_context
def _csrf_token(context: Context) -> str:
    session: Session | None = context["session"]
    return csrf.masked(session.key.csrf) if session else ""


@pass_context
def _navigation(context: Context) -> Markup:
    """Return the links of the sidebar, with the one to the shown page marked."""
    links = _links(
        context["sidebar"].sections, context["t"].language, manages=context["may"]("manage")
    )
    path = context["request"].url.path
    # A page of an app is marked at the app itself.
    for shown, current in ((path, "page"), ("/".join(path.split("/")[:3]), "true")):
        here = Markup('<a href="{}"').format(url_quote(shown))
        if f"{here}>" in links:
            links = links.replace(f"{here}>", f'{here} aria-current="{current}">', 1)
            break
    return Markup(links)  # noqa: S704 a template


@lru_cache(maxsize=16)
def _links(sections: tuple[ProjectSection, ...], language: Language, *, manages: bool) -> str:
    template = _templates().get_template("navigation.html")
    return template.render(sections=sections, t=Translator(language), manages=manages)


@pass_context
def _project_of(context: Context, app: str) -> str:
    """Return the name of the project of an app that the sidebar shows; "" for a removed one."""
    sections = context["sidebar"].sections if context["sidebar"] else ()
    return _projects(sections).get(app, "")


@lru_cache(maxsize=4)
def _projects(sections: tuple[ProjectSection, ...]) -> Mapping[str, str]:
    return {app.name: section.name for section in sections for app in section.apps}


@pass_context
def _matrix_row(context: Context, row: Row) -> Markup:
    """Return the row of an app on the home page, with the progress of what runs."""
    successors, running = context["successors"], context["running_by_cell"]
    shown = tuple(
        (
            kind,
            cell,
            _shown_code(context, cell.shown.code) if cell and cell.shown.code else None,
            _ago(context, cell.shown.since) if cell else None,
            _ago(context, cell.later.since) if cell and cell.later else None,
            successors.get(cell.shown.id) if cell else None,
            tuple(one.id for one in running.get((row.app.id, kind), ())),
        )
        for kind in Kind
        for cell in (row.cells.get(kind),)
    )
    drawn = _drawn_row(
        row.app,
        row.project,
        shown,
        context["t"].language,
        is_starred=row.is_starred,
        may_release=context["may"]("release"),
    )
    for kind in Kind:
        for release in running.get((row.app.id, kind), ()):
            drawn = drawn.replace(f"<!--{release.id}-->", _progress(context, release))
    return Markup(drawn)  # noqa: S704 a template


def _progress(context: Context, release: Release) -> str:
    made = context.environment.get_template("progress_macros.html").module
    return str(made.progress_words(context["t"], release, context["now"]))  # type: ignore[attr-defined]


# Most rows are the same as in the response before, for any user.
@lru_cache(maxsize=4096)
def _drawn_row(
    app: AppSummary,
    project: str,
    shown: tuple[tuple[Any, ...], ...],
    language: Language,
    *,
    is_starred: bool,
    may_release: bool,
) -> str:
    values = {"app": app, "project": project, "shown": shown}
    rights = {"is_starred": is_starred, "may_release": may_release}
    template = _templates().get_template("home_row.html")
    return template.render(t=Translator(language), **values, **rights)


@pass_context
def _shown_code(context: Context, code: Code) -> ShownCode:
    """Return a QR code as it is shown now."""
    t, now, zone = context["t"], context["now"], context["timezone"]
    return shown_code(t, code, now, zone, _ago(context, code.made_at))


@pass_context
def _exact(context: Context, at: int) -> Markup:
    return exact(at, context["now"], context["timezone"])


@pass_context
def _ago(context: Context, at: int | None) -> Markup:
    """Return how long ago a time (ms since the epoch) was, with the exact time as title."""
    if at is None:
        return Markup("–")
    t: Translator = context["t"]
    seconds = max(0, (context["now"] - at) // 1000)
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            words = t(f"web.ago.{unit}", count=seconds // length)
            break
    else:
        words = t("web.ago.now")
    exact = datetime.fromtimestamp(at / 1000, context["timezone"])
    shown = exact.isoformat(" ", "seconds")
    return Markup('<time data-age datetime="{}" title="{}">{}</time>').format(
        moment(at), shown, words
    )


@pass_context
def _clock(context: Context, at: int) -> Markup:
    """Return the hour and minute of a time (ms since the epoch), with the exact time as title."""
    then = datetime.fromtimestamp(at / 1000, context["timezone"])
    shown = then.isoformat(" ", "seconds")
    words = f"{then:%H:%M}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(moment(at), shown, words)


def _stages_of(release: Release) -> list[StageRecord]:
    """Return the stages to show: of a release that has ended, without those that did not begin."""
    if not release.state.is_final:
        return list(release.stages)
    shown = (
        replace(stage, state=StageState.FAILED)
        if stage.name is release.failed_stage and stage.state is StageState.PENDING
        else stage
        for stage in release.stages
    )
    return [stage for stage in shown if stage.state is not StageState.PENDING]


def _with_code(words: str) -> Markup:
    """Return a text as HTML, with the parts between backquotes as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(words))))  # noqa: S704 escaped before


@pass_context
def _details(context: Context, details: Mapping[str, object]) -> str:
    """Return the details of an audit entry in the reader's language."""
    t: Translator = context["t"]
    return " · ".join(
        f"{t.named('detail', name) or name}: {_detail(t, name, value)}"
        for name, value in details.items()
    )


_DETAIL_PREFIXES = {
    "role": "role",
    "platform": "platform",
    "project_type": "type",
    "language": "language",
}


def _detail(t: Translator, name: str, value: object) -> str:
    if isinstance(value, bool):
        return t("detail.yes") if value else t("detail.no")
    if isinstance(value, Mapping):
        return " ".join(f"{key}={each}" for key, each in value.items())
    if isinstance(value, list):
        prefix = "secret" if name == "secrets" else name
        return ", ".join(t.named(prefix, each) or str(each) for each in value)
    if name in _DETAIL_PREFIXES:
        return t.named(_DETAIL_PREFIXES[name], value) or str(value)
    return "–" if value is None else str(value)


def _console_url(platform: Platform, app_id: str) -> str:
    return driver_of(platform).console_url(app_id) if platform in served() else ""


def _console_host(platform: Platform) -> str:
    return urlsplit(_console_url(platform, "")).hostname or ""


def _has_robots(platform: Platform) -> bool:
    return platform in served() and bool(driver_of(platform).robots)


def _size_limits(platform: Platform) -> SizeLimits:
    return (
        driver_of(platform).size_limits() if platform in served() else SizeLimits(None, None, None)
    )
