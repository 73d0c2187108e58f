"""API of users: the own one, list, show, create, change, delete, reset the password."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from mprelease.domain.problems import Problem
from mprelease.domain.users import Role, User
from mprelease.schemas.documents import pick
from mprelease.schemas.fields import Number
from mprelease.schemas.users import NewUser, UserChange
from mprelease.services import users
from mprelease.storage import users as stored
from mprelease.web.api.refusals import refusing
from mprelease.web.identity import CanManage, CanView, ContextOf

router = APIRouter(prefix="/api/v1", tags=["users"])
_UNTOUCHABLE = (Problem.SUPER_ADMIN_STAYS, Problem.NOT_YOURSELF)


class UserModel(BaseModel):
    """A user."""

    id: int
    name: str
    role: Role
    robot: int | None
    language: str | None
    is_disabled: bool
    revision: int = Field(description="counts the changes of the user")

    @classmethod
    def of(cls, user: User) -> "UserModel":
        """Return the model of a user."""
        return cls(**pick(user, *UserModel.model_fields))


class AddedUser(UserModel):
    """A new user, with the password if it was generated."""

    password: str | None


class NewPassword(BaseModel):
    """A generated password, which is shown once."""

    password: str


@router.get("/me")
def me(session: CanView) -> UserModel:
    """Show the user that sends the request."""
    return UserModel.of(session.user)


@router.get("/users", responses=refusing(Problem.FORBIDDEN))
def list_all(context: ContextOf, session: CanManage) -> list[UserModel]:
    """List all users by name."""
    with context.services.database.reading() as db:
        return [UserModel.of(one) for one in stored.every(db)]


@router.post(
    "/users",
    status_code=201,
    responses=refusing(
        Problem.USER_EXISTS,
        Problem.NAME_SHAPE,
        Problem.NAME_MIXED,
        Problem.ROLE_NOT_GRANTED,
        Problem.PASSWORD_SHORT,
    ),
)
def create(context: ContextOf, session: CanManage, new: NewUser) -> AddedUser:
    """Add a user."""
    user, password = users.add(context.services, session.user.actor, new)
    made = None if new.password else password
    return AddedUser(**UserModel.of(user).model_dump(), password=made)


@router.get("/users/{user_id}", responses=refusing(Problem.FORBIDDEN, Problem.USER_UNKNOWN))
def show(context: ContextOf, session: CanManage, user_id: Number) -> UserModel:
    """Show a user."""
    with context.services.database.reading() as db:
        return UserModel.of(users.get(db, user_id))


@router.patch(
    "/users/{user_id}",
    responses=refusing(
        Problem.USER_UNKNOWN,
        Problem.USER_EXISTS,
        Problem.NAME_SHAPE,
        Problem.NAME_MIXED,
        Problem.ROLE_NOT_GRANTED,
        Problem.CHANGED_MEANWHILE,
        *_UNTOUCHABLE,
    ),
)
def change(
    context: ContextOf, session: CanManage, user_id: Number, wanted: UserChange
) -> UserModel:
    """Change a user; a new role, or disabling, ends the user's logins."""
    return UserModel.of(users.edit(context.services, session.user, user_id, wanted))


@router.delete(
    "/users/{user_id}",
    status_code=204,
    responses=refusing(Problem.USER_UNKNOWN, *_UNTOUCHABLE),
)
def delete(context: ContextOf, session: CanManage, user_id: Number) -> None:
    """Remove a user; the name stays on releases."""
    users.remove(context.services, session.user, user_id)


@router.post(
    "/users/{user_id}/reset-password",
    responses=refusing(Problem.USER_UNKNOWN, *_UNTOUCHABLE),
)
def reset_password(context: ContextOf, session: CanManage, user_id: Number) -> NewPassword:
    """Set a random password; all logins and tokens of the user end."""
    password = users.reset_password(context.services, session.user.actor, user_id, by=session.user)
    return NewPassword(password=password)
