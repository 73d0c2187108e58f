"""People: who can log in, and what they may."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from mprelease.domain.errors import Refused, TroubleError
from mprelease.domain.people import GRANTED, Role
from mprelease.domain.problems import Message, Problem, Trouble
from mprelease.services import users
from mprelease.services.users import UserChange
from mprelease.storage import users as stored
from mprelease.web.flash import done
from mprelease.web.hall import Hall
from mprelease.web.identity import HallOf, Looker, Manager
from mprelease.web.rendering import page
from mprelease.web.statuses import status_of

router = APIRouter(prefix="/users", include_in_schema=False)
Field = Annotated[str, Form(max_length=400)]


@router.get("")
def show(request: Request, hall: HallOf, visit: Manager) -> Response:
    """List everybody, with a form for somebody new."""
    return _list(request, hall)


@router.post("")
def add(
    request: Request,
    hall: HallOf,
    visit: Manager,
    name: Field,
    role: Annotated[Role, Form()],
    password: Field = "",
) -> Response:
    """Add somebody; a password that was made up here is shown once."""
    try:
        user, chosen = users.add(hall.house, visit.user.actor, name, role, password or None)
    except TroubleError as failure:
        typed = {"name": name, "role": role}
        return _list(request, hall, trouble=failure.trouble, typed=typed)
    return _list(request, hall, told=(user.name, "" if password else chosen))


@router.get("/{user_id}/avatar")
def avatar(hall: HallOf, visit: Looker, user_id: int) -> Response:
    """Return the picture of somebody; its address changes with it."""
    with hall.house.database.reading() as db:
        image = stored.avatar(db, user_id)
    if image is None:
        raise Refused(Problem.PAGE_UNKNOWN)
    kept = {"Cache-Control": "private, max-age=86400"}
    return Response(image, media_type="image/png", headers=kept)


@router.post("/{user_id}")
def edit(
    request: Request,
    hall: HallOf,
    visit: Manager,
    user_id: int,
    name: Field,
    role: Annotated[Role, Form()],
    *,
    is_disabled: Annotated[bool, Form()] = False,
) -> Response:
    """Change somebody's name and role, let that one in or keep out."""
    try:
        user = users.edit(hall.house, visit.user, user_id, UserChange(name, role, is_disabled))
    except TroubleError as failure:
        return _list(request, hall, trouble=failure.trouble)
    return done(hall, "/users", Message("done.user_saved", {"name": user.name}))


@router.post("/{user_id}/reset-password")
def reset_password(request: Request, hall: HallOf, visit: Manager, user_id: int) -> Response:
    """Give somebody a random password, shown once."""
    password = users.reset_password(hall.house, visit.user.actor, user_id, by=visit.user)
    with hall.house.database.reading() as db:
        user = users.found(db, user_id)
    return _list(request, hall, told=(user.name, password))


@router.post("/{user_id}/delete")
def delete(hall: HallOf, visit: Manager, user_id: int) -> Response:
    """Remove somebody; the name stays on releases."""
    with hall.house.database.reading() as db:
        user = users.found(db, user_id)
    users.remove(hall.house, visit.user, user_id)
    return done(hall, "/users", Message("done.user_removed", {"name": user.name}))


def _list(
    request: Request,
    hall: Hall,
    *,
    trouble: Trouble | None = None,
    told: tuple[str, str] | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    with hall.house.database.reading() as db:
        people = stored.every(db)
    status = status_of(trouble.problem) if trouble else 200
    shown = {"people": people, "roles": GRANTED, "trouble": trouble, "told": told}
    return page(
        request,
        "users.html",
        status,
        **shown,
        typed=typed or {"name": "", "role": Role.MEMBER},
    )
