"""What can be set of a project."""

from typing import Annotated

from pydantic import Field

from mprelease.domain.projects import ProjectSecret
from mprelease.schemas.fields import CLOSED, Number, Option, Record, Secret, Text


class ProjectFields(Record):
    """What is set of a project; None leaves it as it is, and without a branch it is `main`.

    `secrets` are what is needed to reach the repository and the npm registry; None or a blank text
    forgets one.
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
    """A project to be added."""

    name: Text
    repository: Annotated[Text, Option()] = Field(description="option.repository")


class ProjectChange(ProjectFields):
    """What is to be changed of a project; what is left out or null stays."""

    revision: Number | None = Field(default=None, description="field.revision")
