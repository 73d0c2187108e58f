"""What all of the API gives."""

from typing import Generic, TypeVar

from pydantic import BaseModel, Field

from mprelease.schemas.documents import ProblemModel

Item = TypeVar("Item")


class Listed(BaseModel, Generic[Item]):
    """A part of a long list; `next` is the `before` of what follows, null at the end."""

    items: list[Item]
    next: int | None


class RefusalModel(ProblemModel):
    """Why a request is refused."""

    app: str | None = Field(
        None, description="the app that it is about; only where several apps were asked for"
    )
