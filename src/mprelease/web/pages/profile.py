"""One's own profile: name, password, robot, language, and tokens for programs."""

from typing import Annotated

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import Response

from mprelease.domain.errors import TroubleError
from mprelease.domain.problems import Message, Trouble
from mprelease.i18n import Language
from mprelease.services import door, users
from mprelease.services.door import Visit
from mprelease.services.pictures import LARGEST_BYTES
from mprelease.services.users import Profile
from mprelease.storage import keys
from mprelease.storage.keys import KeyKind
from mprelease.web.fields import number
from mprelease.web.flash import done
from mprelease.web.hall import Hall
from mprelease.web.identity import HallOf, Looker
from mprelease.web.known_browsers import remember_browser
from mprelease.web.rendering import page
from mprelease.web.statuses import status_of

router = APIRouter(prefix="/profile", include_in_schema=False)
Field = Annotated[str, Form(max_length=400)]


@router.get("")
def show(request: Request, hall: HallOf, visit: Looker) -> Response:
    """Show the profile."""
    return _profile(request, hall, visit)


@router.post("")
def change(
    request: Request,
    hall: HallOf,
    visit: Looker,
    name: Field = "",
    robot: Field = "",
    language: Field = "",
) -> Response:
    """Change name, robot and language."""
    chosen = language if language in set(Language) else None
    try:
        users.set_profile(hall.house, visit.user, Profile(name, number(robot), chosen))
    except TroubleError as failure:
        typed = {"name": name, "robot": robot, "language": language}
        return _profile(request, hall, visit, trouble=failure.trouble, typed=typed)
    return done(hall, "/profile", Message("done.profile_saved"))


@router.post("/avatar")
def change_avatar(
    request: Request,
    hall: HallOf,
    visit: Looker,
    picture: Annotated[UploadFile | None, File()] = None,
    *,
    remove: Annotated[bool, Form()] = False,
) -> Response:
    """Show oneself by a picture, or by one's first letter again."""
    content = picture.file.read(LARGEST_BYTES + 1) if picture else b""
    try:
        users.set_avatar(hall.house, visit.user, None if remove else content)
    except TroubleError as failure:
        return _profile(request, hall, visit, trouble=failure.trouble)
    message = "done.picture_removed" if remove else "done.picture_saved"
    return done(hall, "/profile", Message(message))


@router.post("/password")
def change_password(
    request: Request, hall: HallOf, visit: Looker, old: Field, new: Field
) -> Response:
    """Change the password; other logins end."""
    try:
        hall.login_throttle.count_own(visit.key.id)
        users.change_password(hall.house, visit.user, visit.key.id, old, new)
    except TroubleError as failure:
        return _profile(request, hall, visit, trouble=failure.trouble)
    hall.login_throttle.own_succeeded(visit.key.id)
    answer = _profile(request, hall, visit, told="web.profile.password_changed")
    if account := door.account(hall.house, visit.user.name):
        remember_browser(answer, hall.house, account, is_secure=hall.is_secure)
    return answer


@router.post("/tokens")
def add_token(
    request: Request,
    hall: HallOf,
    visit: Looker,
    name: Field,
    days: Annotated[int, Form()] = 90,
) -> Response:
    """Make a token for a program and show it once."""
    try:
        token = door.add_token(hall.house, visit.user, name, days)
    except TroubleError as failure:
        return _profile(request, hall, visit, trouble=failure.trouble, token_name=name)
    return _profile(request, hall, visit, token=token)


@router.post("/tokens/{key_id}/delete")
def remove_token(hall: HallOf, visit: Looker, key_id: int) -> Response:
    """Revoke a token."""
    with hall.house.database.reading() as db:
        tokens = {key.id: key.name for key in keys.of_user(db, visit.user.id, KeyKind.TOKEN)}
    door.remove_token(hall.house, visit.user, key_id)
    return done(
        hall, "/profile", Message("done.token_revoked", {"name": tokens.get(key_id, str(key_id))})
    )


def _profile(
    request: Request,
    hall: Hall,
    visit: Visit,
    *,
    trouble: Trouble | None = None,
    told: str | None = None,
    token: str | None = None,
    token_name: str = "",
    typed: dict[str, str] | None = None,
) -> Response:
    with hall.house.database.reading() as db:
        tokens = keys.of_user(db, visit.user.id, KeyKind.TOKEN)
    return page(
        request,
        "profile.html",
        status_of(trouble.problem) if trouble else 200,
        trouble=trouble,
        told=told,
        token=token,
        token_name=token_name,
        tokens=tokens,
        typed=typed or vars(visit.user),
        languages=list(Language),
    )
