"""Models of responses that all parts of the API share."""

from typing import Generic, TypeVar

from pydantic import BaseModel, Field

from mprelease.schemas.documents import ProblemModel

Item = TypeVar("Item")


class Listed(BaseModel, Generic[Item]):
    """A page of a list; `next` is the `before` of the next page, null at the end."""

    items: list[Item]
    next: int | None


class RefusalModel(ProblemModel):
    """Why a request is refused."""

    app: str | None = Field(
        None, description="the app that it is about; only where several apps were asked for"
    )
