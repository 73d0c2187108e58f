"""Apps, as the API takes and gives them."""

import json
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from mprelease.domain.apps import App, ProjectType
from mprelease.domain.platforms import Platform
from mprelease.platforms.registry import driver_of, served
from mprelease.services.apps import AppChange, KeptCredential
from mprelease.web.api.common import (
    CLOSED,
    Given,
    Number,
    Secret,
    Switch,
    Text,
    Whole,
    moment,
    pick,
)
from mprelease.web.fields import ServedPlatform

_BUILD = (
    "directory",
    "install_command",
    "build_command",
    "dev_build_command",
    "output",
    "node_memory",
    "private_dependencies",
)


class AppModel(BaseModel):
    """An app, as everybody sees it."""

    name: str
    project: str
    platform: Platform
    platform_app_id: str
    robot: int
    label: str
    default_page: str | None

    @classmethod
    def of(cls, app: App, project: str) -> "AppModel":
        """Show an app."""
        names = [name for name in AppModel.model_fields if name != "project"]
        return cls(project=project, **pick(app, *names))


class CredentialModel(BaseModel):
    """What is told of a credential: something to compare it by, and when it was set."""

    fingerprint: str | None = Field(
        description="null where the server has another master key, so that it cannot be opened"
    )
    kept_at: datetime


class AppSettings(AppModel):
    """An app with everything that can be set; what is null is recognised from the repository."""

    project_type: ProjectType
    directory: str
    install_command: str | None
    build_command: str | None
    dev_build_command: str | None
    output: str | None
    node_memory: int | None
    compile_settings: dict[str, bool | int]
    install_inputs: list[str]
    private_dependencies: bool
    proxy: str | None
    credential: CredentialModel | None
    revision: int = Field(description="counts the changes of the app")

    @classmethod
    def with_all(cls, app: App, project: str, kept: KeptCredential | None) -> "AppSettings":
        """Show an app's settings."""
        credential = kept and CredentialModel(
            fingerprint=kept.fingerprint, kept_at=moment(kept.kept_at)
        )
        return cls(
            **AppModel.of(app, project).model_dump(),
            **pick(app, "project_type", "proxy", "revision"),
            **pick(app.build, *_BUILD),
            compile_settings=driver_of(app.platform).settings.effective(app.build.compile_settings),
            install_inputs=list(app.build.install_inputs),
            credential=credential,
        )


def _describe_credentials(schema: dict[str, Any]) -> None:
    schema["writeOnly"] = True
    schema["description"] += "; ".join(_credential_words(platform) for platform in served())


def _credential_words(platform: Platform) -> str:
    form = driver_of(platform).presentation.credential
    names = ", ".join(f"`{each.name}`" for each in form.fields)
    return f"{platform}: {f'an object with some of {names}' if form.is_object else 'a text'}"


class _Settings(Given):
    """What can be set of every app; an empty text takes a setting back to what is recognised."""

    project_type: ProjectType | None = None
    directory: Text | None = None
    install_command: Text | None = None
    build_command: Text | None = None
    dev_build_command: Text | None = None
    output: Text | None = None
    node_memory: Whole | None = Field(default=None, description="MiB of Node's heap")
    compile_settings: dict[Switch, bool | Whole | Text | None] = Field(
        default={},
        json_schema_extra=CLOSED,
        description="added to those that are there; null takes one back",
    )
    install_inputs: list[Text] | None = Field(
        default=None,
        description="patterns of the files that install hooks of the repository read",
    )
    private_dependencies: bool | None = Field(
        default=None,
        description="give each build a copy of the installed dependencies that it may write to",
    )
    fresh_install: bool | None = Field(
        default=None,
        description="true lets the next release install its dependencies anew",
    )
    default_page: Text | None = None
    robot: Whole | None = None
    proxy: Text | None = None
    label: Text | None = None
    credential: Annotated[Secret | dict[Text, Secret] | None, Field(union_mode="left_to_right")] = (
        Field(
            default=None,
            description="a text, or an object, as the platform takes it: ",
            json_schema_extra=_describe_credentials,
        )
    )

    def change(self) -> AppChange:
        """Return it as the services take it."""
        plain = set(type(self).model_fields) & set(AppChange.__dataclass_fields__)
        others = pick(self, *(plain - {"compile_settings", "credential", "install_inputs"}))
        return AppChange(
            **others,
            install_inputs=None if self.install_inputs is None else " ".join(self.install_inputs),
            compile_settings=self.compile_settings,
            credential=self._credential(),
        )

    def _credential(self) -> bytes | None:
        if isinstance(self.credential, dict):
            return json.dumps(self.credential).encode()
        return None if self.credential is None else self.credential.encode()


class NewApp(_Settings):
    """An app to be added."""

    project: Text
    platform: ServedPlatform
    name: Text
    platform_app_id: Text


class ChangedApp(_Settings):
    """What is to be changed; what is left out or null stays."""

    name: Text | None = None
    platform_app_id: Text | None = None
    revision: Number | None = Field(
        default=None, description="refuse the change if the app has another one by now"
    )
