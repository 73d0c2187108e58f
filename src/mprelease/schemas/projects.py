"""The records for adding and changing a project."""

from typing import Annotated

from pydantic import Field

from mprelease.domain.projects import ProjectSecret
from mprelease.schemas.fields import CLOSED, Number, Option, Record, Secret, Text


class ProjectFields(Record):
    """The settings of a project; None does not change a value. The default branch is `main`.

    `secrets` are the credentials for the repository and the npm registry; None or a blank text
    removes one.
    """

    name: Text | None = None
    repository: Annotated[Text | None, Option()] = Field(
        default=None, description="option.repository"
    )
    default_branch: Annotated[Text | None, Option(("--branch",))] = Field(
        default=None, description="option.branch"
    )
    secrets: dict[ProjectSecret, Secret | None] = Field(
        default={}, repr=False, json_schema_extra=CLOSED, description="field.secrets"
    )


class NewProject(ProjectFields):
    """A new project."""

    name: Text
    repository: Annotated[Text, Option()] = Field(description="option.repository")


class ProjectChange(ProjectFields):
    """Changes of a project; fields that are left out or null do not change."""

    revision: Number | None = Field(default=None, description="field.revision")
