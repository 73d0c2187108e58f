"""Pages of users: list, add, change, reset the password, delete; and their avatars."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from mprelease.domain.errors import ProblemError, Refused
from mprelease.domain.problems import Message, Problem, ProblemDetail
from mprelease.domain.users import GRANTED, Role
from mprelease.schemas.users import NewUser, UserChange
from mprelease.services import users
from mprelease.storage import users as stored
from mprelease.web.context import WebContext
from mprelease.web.flash import done
from mprelease.web.http_status import status_of
from mprelease.web.identity import CanManage, CanView, ContextOf
from mprelease.web.rendering import page
from mprelease.web.sent_form import SentForm, seen_revision

router = APIRouter(prefix="/users", include_in_schema=False)
_BLANK = {"name": "", "role": Role.MEMBER}


@router.get("")
def show(request: Request, context: ContextOf, session: CanManage) -> Response:
    """List all users, with a form for a new one."""
    return _list(request, context)


@router.post("")
def add(
    request: Request,
    context: ContextOf,
    session: CanManage,
    sent: Annotated[SentForm, Form()],
) -> Response:
    """Add a user; a generated password is shown once."""
    try:
        new = NewUser.of_form(sent.typed)
        user, chosen = users.add(context.services, session.user.actor, new)
    except ProblemError as failure:
        return _list(request, context, problem_detail=failure.problem_detail, typed=sent.typed)
    return _list(request, context, notice=(user.name, "" if new.password else chosen))


@router.get("/{user_id}/avatar")
def avatar(context: ContextOf, session: CanView, user_id: int) -> Response:
    """Return a user's avatar; its URL changes with it, so it may be cached."""
    with context.services.database.reading() as db:
        image = stored.avatar(db, user_id)
    if image is None:
        raise Refused(Problem.PAGE_UNKNOWN)
    kept = {"Cache-Control": "private, max-age=86400"}
    return Response(image, media_type="image/png", headers=kept)


@router.post("/{user_id}")
def edit(
    request: Request,
    context: ContextOf,
    session: CanManage,
    user_id: int,
    sent: Annotated[SentForm, Form()],
) -> Response:
    """Change a user's name and role, and whether the user is disabled."""
    try:
        # Browsers send nothing for an unchecked box.
        is_disabled = sent.typed.get("is_disabled") == "true"
        change = UserChange.of_form(sent.typed, is_disabled=is_disabled)
        user = users.edit(context.services, session.user, user_id, change)
    except ProblemError as failure:
        edited = {"is_disabled": "", **sent.typed}
        edited.pop("revision", None)
        return _list(
            request,
            context,
            problem_detail=failure.problem_detail,
            edited={user_id: edited | seen_revision(failure, sent.typed)},
        )
    return done(context, "/users", Message("done.user_saved", {"name": user.name}))


@router.post("/{user_id}/reset-password")
def reset_password(
    request: Request, context: ContextOf, session: CanManage, user_id: int
) -> Response:
    """Set a random password and show it once."""
    password = users.reset_password(context.services, session.user.actor, user_id, by=session.user)
    with context.services.database.reading() as db:
        user = users.get(db, user_id)
    return _list(request, context, notice=(user.name, password))


@router.post("/{user_id}/delete")
def delete(context: ContextOf, session: CanManage, user_id: int) -> Response:
    """Remove a user; the name stays on releases."""
    with context.services.database.reading() as db:
        user = users.get(db, user_id)
    users.remove(context.services, session.user, user_id)
    return done(context, "/users", Message("done.user_removed", {"name": user.name}))


def _list(
    request: Request,
    context: WebContext,
    *,
    problem_detail: ProblemDetail | None = None,
    notice: tuple[str, str] | None = None,
    typed: dict[str, str] | None = None,
    edited: dict[int, dict[str, str]] | None = None,
) -> Response:
    """Show the list; `edited` are the fields of a form that was refused, by the user's id."""
    with context.services.database.reading() as db:
        people = stored.every(db)
    status = status_of(problem_detail.problem) if problem_detail else 200
    shown = {"people": people, "roles": GRANTED, "problem_detail": problem_detail, "notice": notice}
    return page(
        request,
        "users.html",
        status,
        **shown,
        typed=_BLANK | (typed or {}),
        edited=edited or {},
    )
