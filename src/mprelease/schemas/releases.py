"""What can be asked of a release."""

from typing import Annotated

from pydantic import Field

from mprelease.domain.apps import Environment
from mprelease.domain.releases import Kind, LaunchOptions
from mprelease.schemas.fields import CLOSED, Option, Record, Switch, Text, Whole


class ReleaseFields(Record):
    """What is asked for; what is left out is the app's, the project's or the platform's default.

    `compile_settings` are for the vendor's tool, this time. `ref_name` is the branch or tag that
    `ref`, a commit, was taken from: it is shown, and `ref` is built.
    """

    kind: Kind = Field(default=Kind.PREVIEW, description="field.kind")
    ref: Annotated[Text | None, Option()] = Field(default=None, description="option.ref")
    ref_name: Text | None = Field(default=None, description="field.ref_name")
    version: Annotated[Text | None, Option()] = Field(default=None, description="option.version")
    description: Annotated[Text | None, Option()] = Field(
        default=None, description="option.description"
    )
    environment: Annotated[Environment, Option()] = Field(
        default=Environment.PRODUCTION, description="option.environment"
    )
    robot: Annotated[Whole | None, Option()] = Field(default=None, description="option.robot")
    start_page: Annotated[Text | None, Option(("--page",))] = Field(
        default=None, description="option.page"
    )
    query: Annotated[Text | None, Option()] = Field(default=None, description="option.query")
    scene: Annotated[Whole | None, Option()] = Field(default=None, description="option.scene")
    compile_settings: Annotated[
        dict[Switch, bool | Whole | Text], Option(("--setting",), "KEY=VALUE", "option.setting")
    ] = Field(default={}, json_schema_extra=CLOSED, description="field.settings")
    priority: Annotated[Whole, Option()] = Field(default=0, description="option.priority")

    @property
    def launch(self) -> LaunchOptions:
        """How a preview opens the app."""
        return LaunchOptions(self.start_page, self.query, self.scene)


class NewRelease(ReleaseFields):
    """What is asked for of one app."""

    kind: Kind = Field(description="field.kind")
    app: Text


class ProjectReleases(ReleaseFields):
    """What is asked for of a project's apps."""

    kind: Kind = Field(description="field.kind")
    apps: list[Text] | None = Field(default=None, description="field.apps")


class ReleaseRequest(ReleaseFields):
    """What a person asks for of an app; of a project's apps where none is named.

    Of several requests with one `idempotency_key` the first alone makes a release.
    """

    app: str = ""
    idempotency_key: str | None = None

    @classmethod
    def made_of(cls, asked: ReleaseFields, idempotency_key: str | None) -> "ReleaseRequest":
        """Return what a program asks for."""
        own = {name: value for name, value in asked if name in cls.model_fields}
        return cls(**own, idempotency_key=idempotency_key)
