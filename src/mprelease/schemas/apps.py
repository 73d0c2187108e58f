"""An app as it is stored, and the records for adding and changing one.

A setting stands here twice, as a value and as what may be given for it, and in no other module.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated

from pydantic import Field, Strict
from pydantic.json_schema import SkipJsonSchema

from mprelease.domain.apps import BundlerCache, Environment, ProjectType
from mprelease.domain.platforms import Platform
from mprelease.domain.workers import DEFAULT_LABEL
from mprelease.schemas import validation
from mprelease.schemas.fields import (
    CLOSED,
    Checked,
    Lines,
    Number,
    Option,
    Record,
    Secret,
    Switch,
    Text,
    Whole,
)


@dataclass(frozen=True)
class BuildSettings:
    """How an app is built; fields that are None are detected from the repository.

    `directory` is relative to the repository, `output` to `directory`. `node` is a version of
    Node, a range, or a name such as `lts/iron`. `node_memory` is the limit of
    Node's heap in MiB. `compile_settings` are passed to the vendor's tool. `install_inputs` are
    patterns of the files that hooks of the repository read during an install; empty means the
    whole committed tree, unless every hook is a known one. `private_dependencies` gives each build
    a writable copy of the dependency set. Dependency sets from before `installed_from` (ms since
    the epoch) are not reused. With `always_build`, what was built before is not, either: for builds
    whose output depends on more than their inputs, for example on a server. With
    `renew_shared_codes` the shared code of a preview is renewed while its page is open.
    """

    directory: str = "."
    install_command: str | None = None
    build_command: str | None = None
    dev_build_command: str | None = None
    output: str | None = None
    node: str | None = None
    node_memory: int | None = None
    compile_settings: Mapping[str, bool | int | str] = field(default_factory=dict)
    install_inputs: tuple[str, ...] = ()
    private_dependencies: bool = False
    installed_from: int = 0
    bundler_cache: BundlerCache = BundlerCache.PROJECT
    always_build: bool = False
    renew_shared_codes: bool = False

    def inputs(self, environment: Environment) -> Mapping[str, object]:
        """Return the settings on which the output of a build in an environment depends."""
        is_production = environment is Environment.PRODUCTION
        other = "dev_build_command" if is_production else "build_command"
        left_out = {other, "compile_settings", "always_build", "renew_shared_codes"}
        return {name: value for name, value in asdict(self).items() if name not in left_out}


@dataclass(frozen=True)
class App:
    """An app as it is stored, without its credential.

    `platform_app_id` is the id that the platform assigned (`wx…`). `proxy` overrides the
    installation's egress proxy for the vendor's tool. Workers with `label` run its releases.
    A release that names no robot gets one of those in `robot_names` (lines such as `1 test`), or of
    all: by `robot_rules` (lines such as `release/* → 2`), else as in `domain.robots`; of those that
    were never used it gets `robot` first. `size_budgets` are lines such as `main 1.8 MB`.
    `revision` is incremented by each change.
    """

    id: int
    project_id: int
    name: str
    platform: Platform
    platform_app_id: str
    project_type: ProjectType
    build: BuildSettings
    robot: int
    start_page: str | None
    proxy: str | None
    label: str = DEFAULT_LABEL
    robot_names: tuple[str, ...] = ()
    robot_rules: tuple[str, ...] = ()
    size_budgets: tuple[str, ...] = ()
    revision: int = 0


_COMMAND = Checked(str.strip, clears=True)
_FOLDER = Checked(validation.directory)
_OUTPUT = Checked(validation.directory, clears=True)


class AppFields(Record):
    """The settings of an app; None does not change a value, or leaves it to be detected.

    Fields that `App` or its `BuildSettings` has as well are stored there. An
    empty text resets a command, an output, a page or a proxy to the detected value.
    `compile_settings`, named like those of the platform's tool, are added to the stored ones; None
    removes one. Lists replace the stored ones.
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
    bundler_cache: Annotated[BundlerCache | None, Option()] = Field(
        default=None, description="option.bundler_cache"
    )
    always_build: Annotated[bool | None, Option(("--always-build/--reuse-builds",))] = Field(
        default=None, description="option.always_build"
    )
    renew_shared_codes: Annotated[
        bool | None, Option(("--renew-shared-codes/--keep-shared-codes",))
    ] = Field(default=None, description="option.renew_shared_codes")
    fresh_install: Annotated[bool | None, Option(("--fresh-install",))] = Field(
        default=None, description="option.fresh_install"
    )
    start_page: Annotated[
        Text | None, Option(("--page",)), Checked(validation.page, clears=True)
    ] = Field(default=None, description="option.default_page")
    robot: Annotated[Whole | None, Option()] = Field(
        default=None, description="option.default_robot"
    )
    robot_names: Annotated[
        list[Text] | None, Option(metavar="LINES", help="option.robot_names"), Lines()
    ] = Field(default=None, description="field.robot_names")
    robot_rules: Annotated[
        list[Text] | None, Option(metavar="LINES", help="option.robot_rules"), Lines()
    ] = Field(default=None, description="field.robot_rules")
    size_budgets: Annotated[
        list[Text] | None,
        Option(metavar="LINES", help="option.size_budgets"),
        Lines(),
        Checked(validation.size_budgets),
    ] = Field(default=None, description="field.size_budgets")
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
