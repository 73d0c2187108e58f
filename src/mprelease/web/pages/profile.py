"""The user's own profile: name, avatar, password, robot, language, and API tokens."""

from typing import Annotated

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import Response

from mprelease.domain.errors import ProblemError
from mprelease.domain.problems import Message, ProblemDetail
from mprelease.i18n import Language, Translator
from mprelease.platforms import registry
from mprelease.schemas.users import Profile
from mprelease.services import sessions, users
from mprelease.services.avatars import LARGEST_BYTES
from mprelease.services.sessions import Session
from mprelease.storage import access_keys
from mprelease.storage.access_keys import KeyKind
from mprelease.web.context import WebContext
from mprelease.web.flash import done
from mprelease.web.http_status import status_of
from mprelease.web.identity import CanView, ContextOf
from mprelease.web.known_browsers import remember_browser
from mprelease.web.rendering import language, page
from mprelease.web.sent_form import SentForm, seen_revision

router = APIRouter(prefix="/profile", include_in_schema=False)
Field = Annotated[str, Form(max_length=400)]


@router.get("")
def show(request: Request, context: ContextOf, session: CanView) -> Response:
    """Show the profile."""
    return _profile(request, context, session)


@router.post("")
def change(
    request: Request,
    context: ContextOf,
    session: CanView,
    sent: Annotated[SentForm, Form()],
) -> Response:
    """Change name, robot and language."""
    typed = dict.fromkeys(Profile.model_fields, "") | sent.typed
    try:
        chosen = typed.get("language") if typed.get("language") in set(Language) else None
        profile = Profile.of_form(typed, language=chosen)
        users.set_profile(context.services, session.user, profile)
    except ProblemError as failure:
        typed |= {"revision": str(session.user.revision)} | seen_revision(failure, typed)
        return _profile(
            request, context, session, problem_detail=failure.problem_detail, typed=typed
        )
    return done(context, "/profile", Message("done.profile_saved"))


@router.post("/avatar")
def change_avatar(
    request: Request,
    context: ContextOf,
    session: CanView,
    picture: Annotated[UploadFile | None, File()] = None,
    *,
    remove: Annotated[bool, Form()] = False,
) -> Response:
    """Set or remove the user's avatar."""
    content = picture.file.read(LARGEST_BYTES + 1) if picture else b""
    try:
        users.set_avatar(context.services, session.user, None if remove else content)
    except ProblemError as failure:
        return _profile(request, context, session, problem_detail=failure.problem_detail)
    message = "done.picture_removed" if remove else "done.picture_saved"
    return done(context, "/profile", Message(message))


@router.post("/password")
def change_password(
    request: Request, context: ContextOf, session: CanView, old: Field, new: Field
) -> Response:
    """Change the password; the user's other logins end."""
    try:
        context.login_throttle.count_own(session.key.id)
        users.change_password(context.services, session.user, session.key.id, old, new)
    except ProblemError as failure:
        return _profile(request, context, session, problem_detail=failure.problem_detail)
    context.login_throttle.own_succeeded(session.key.id)
    answer = _profile(request, context, session, notice="web.profile.password_changed")
    if account := sessions.account(context.services, session.user.name):
        remember_browser(answer, context.services, account, is_secure=context.is_secure)
    return answer


@router.post("/tokens")
def add_token(
    request: Request,
    context: ContextOf,
    session: CanView,
    name: Field,
    days: Annotated[int, Form()] = 90,
) -> Response:
    """Create an API token and show it once."""
    try:
        token = sessions.add_token(context.services, session.user, name, days)
    except ProblemError as failure:
        return _profile(
            request, context, session, problem_detail=failure.problem_detail, token_name=name
        )
    return _profile(request, context, session, token=token)


@router.post("/tokens/{key_id}/delete")
def remove_token(context: ContextOf, session: CanView, key_id: int) -> Response:
    """Revoke a token."""
    with context.services.database.reading() as db:
        tokens = {
            key.id: key.name for key in access_keys.of_user(db, session.user.id, KeyKind.TOKEN)
        }
    sessions.remove_token(context.services, session.user, key_id)
    return done(
        context,
        "/profile",
        Message("done.token_revoked", {"name": tokens.get(key_id, str(key_id))}),
    )


def _profile(
    request: Request,
    context: WebContext,
    session: Session,
    *,
    problem_detail: ProblemDetail | None = None,
    notice: str | None = None,
    token: str | None = None,
    token_name: str = "",
    typed: dict[str, str] | None = None,
) -> Response:
    with context.services.database.reading() as db:
        tokens = access_keys.of_user(db, session.user.id, KeyKind.TOKEN)
    t = Translator(language(request))
    return page(
        request,
        "profile.html",
        status_of(problem_detail.problem) if problem_detail else 200,
        problem_detail=problem_detail,
        notice=notice,
        token=token,
        token_name=token_name,
        tokens=tokens,
        typed=typed or vars(session.user),
        languages=list(Language),
        robots=registry.robots(),
        robot_platforms=", ".join(t(f"platform.{each}") for each in registry.with_robots()),
    )
