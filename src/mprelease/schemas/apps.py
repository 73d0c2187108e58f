"""The records for adding and changing an app."""

import json
from typing import Annotated

from pydantic import Field, Strict
from pydantic.json_schema import SkipJsonSchema

from mprelease.domain.apps import ProjectType
from mprelease.schemas import validation
from mprelease.schemas.fields import (
    CLOSED,
    Checked,
    Number,
    Option,
    Record,
    Secret,
    Switch,
    Text,
    Whole,
)

_COMMAND = Checked(str.strip, clears=True)
_FOLDER = Checked(validation.directory)
_OUTPUT = Checked(validation.directory, clears=True)


class AppFields(Record):
    """The settings of an app; None does not change a value, or leaves it to be detected.

    Fields that the app (`domain.apps.App` or its `BuildSettings`) has as well are stored there. An
    empty text resets a command, an output, a page or a proxy to the detected value.
    `compile_settings`, named like those of the platform's tool, are added to the stored ones; None
    removes one. `install_inputs` replace the stored ones.
    """

    name: Annotated[Text | None, Checked(validation.name)] = None
    platform_app_id: Text | None = Field(default=None, description="option.app_id")
    project_type: Annotated[ProjectType | None, Option(("--type",))] = Field(
        default=None, description="option.type"
    )
    directory: Annotated[Text | None, Option(), _FOLDER] = Field(
        default=None, description="option.directory"
    )
    install_command: Annotated[Text | None, Option(), _COMMAND] = Field(
        default=None, description="option.install_command"
    )
    build_command: Annotated[Text | None, Option(), _COMMAND] = Field(
        default=None, description="option.build_command"
    )
    dev_build_command: Annotated[Text | None, Option(), _COMMAND] = Field(
        default=None, description="option.dev_build_command"
    )
    output: Annotated[Text | None, Option(), _OUTPUT] = Field(
        default=None, description="option.output"
    )
    compile_settings: Annotated[
        dict[Switch, bool | Whole | Text | None],
        Option(("--setting",), "KEY=VALUE", "option.setting", clears=True),
    ] = Field(default={}, json_schema_extra=CLOSED, description="field.compile_settings")
    node: Annotated[Text | None, Option(), Checked(validation.node, clears=True)] = Field(
        default=None, description="option.node"
    )
    node_memory: Annotated[Whole | None, Option(metavar="MIB"), Checked(validation.memory)] = Field(
        default=None, description="option.node_memory"
    )
    install_inputs: Annotated[
        list[Text] | None,
        Option(metavar="PATTERNS", help="option.install_inputs"),
        Checked(validation.patterns),
    ] = Field(default=None, description="field.install_inputs")
    private_dependencies: Annotated[
        bool | None, Option(("--private-dependencies/--shared-dependencies",))
    ] = Field(default=None, description="option.private_dependencies")
    always_build: Annotated[bool | None, Option(("--always-build/--reuse-builds",))] = Field(
        default=None, description="option.always_build"
    )
    fresh_install: Annotated[bool | None, Option(("--fresh-install",))] = Field(
        default=None, description="option.fresh_install"
    )
    start_page: Annotated[
        Text | None, Option(("--page",)), Checked(validation.page, clears=True)
    ] = Field(default=None, description="option.default_page")
    robot: Annotated[Whole | None, Option()] = Field(
        default=None, description="option.default_robot"
    )
    proxy: Annotated[Text | None, Option(metavar="URL"), Checked(validation.proxy, clears=True)] = (
        Field(default=None, description="option.proxy")
    )
    label: Annotated[Text | None, Option(), Checked(validation.label)] = Field(
        default=None, description="option.label"
    )
    credential: Annotated[
        SkipJsonSchema[Annotated[bytes, Strict()]] | Secret | dict[Text, Secret] | None,
        Field(union_mode="left_to_right"),
    ] = Field(
        default=None,
        repr=False,
        description="field.credential",
        json_schema_extra={"writeOnly": True},
    )

    def credential_file(self) -> bytes | None:
        """Return the credential as the content of a file."""
        if isinstance(self.credential, dict):
            return json.dumps(self.credential).encode()
        return self.credential.encode() if isinstance(self.credential, str) else self.credential


class AppChange(AppFields):
    """Changes of an app; fields that are left out or null do not change."""

    revision: Number | None = Field(default=None, description="field.revision")
