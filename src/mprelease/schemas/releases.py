"""The records for requesting releases."""

from typing import Annotated

from pydantic import Field

from mprelease.domain.apps import Environment
from mprelease.domain.releases import Kind, LaunchOptions
from mprelease.schemas.fields import CLOSED, Option, Record, Switch, Text, Whole


class ReleaseFields(Record):
    """The parameters of a release; left out, they are those of the app, project or platform.

    `compile_settings` are for the vendor's tool, in this release only. `ref_name` is the branch or
    tag of `ref`, a commit: it is shown, while `ref` is built.
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
    build_anew: Annotated[bool, Option(("--build-anew",))] = Field(
        default=False, description="option.build_anew"
    )

    @property
    def launch(self) -> LaunchOptions:
        """How a preview opens the app."""
        return LaunchOptions(self.start_page, self.query, self.scene)


class NewRelease(ReleaseFields):
    """The request of a release of one app."""

    kind: Kind = Field(description="field.kind")
    app: Text


class ProjectReleases(ReleaseFields):
    """The request of releases of a project's apps; without `apps` of all."""

    kind: Kind = Field(description="field.kind")
    apps: list[Text] | None = Field(default=None, description="field.apps")


class ReleaseRequest(ReleaseFields):
    """The request of a release as services take it; without `app` for the apps of a project.

    Of several requests with one `idempotency_key` only the first makes a release. With
    `same_build_as`, the id of a release of the same commit, its build is published, if it is still
    stored.
    """

    app: str = ""
    idempotency_key: str | None = None
    same_build_as: int | None = None

    @classmethod
    def made_of(cls, body: ReleaseFields, idempotency_key: str | None) -> "ReleaseRequest":
        """Return the request of the body of an API call."""
        own = {name: value for name, value in body if name in cls.model_fields}
        return cls(**own, idempotency_key=idempotency_key)
