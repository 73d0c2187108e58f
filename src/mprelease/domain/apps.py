"""Apps: one mini program on one platform, and how it is built."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mprelease.domain.platforms import Platform
from mprelease.domain.workers import DEFAULT_LABEL


class Environment(StrEnum):
    """Which of an app's two build commands a release uses."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"


class ProjectType(StrEnum):
    """What is published, as miniprogram-ci calls it (`type` of its Project)."""

    MINI_PROGRAM = "miniProgram"
    MINI_PROGRAM_PLUGIN = "miniProgramPlugin"
    MINI_GAME = "miniGame"
    MINI_GAME_PLUGIN = "miniGamePlugin"


@dataclass(frozen=True)
class BuildSettings:
    """How an app is built; what is None is recognised from the repository.

    `directory` and `output` are relative, the second to the first. `node_memory` is the limit of
    Node's heap in MiB. `compile_settings` are for the vendor's tool.
    `install_inputs` are patterns of the files that hooks of the repository read at an install, by
    default the whole committed tree. `private_dependencies` gives each build a copy of the
    dependency set that it may write to. What was installed before `installed_from` (ms since the
    epoch) is not used any more.
    """

    directory: str = "."
    install_command: str | None = None
    build_command: str | None = None
    dev_build_command: str | None = None
    output: str | None = None
    node_memory: int | None = None
    compile_settings: Mapping[str, bool | int | str] = field(default_factory=dict)
    install_inputs: tuple[str, ...] = ()
    private_dependencies: bool = False
    installed_from: int = 0


@dataclass(frozen=True)
class App:
    """An app as it is stored, without its credential.

    `platform_app_id` is the id that the platform gave it (`wx…`). `proxy` is the egress proxy of
    the vendor's tool where it differs from the platform-wide one. `label` says which workers may
    run its releases. `revision` counts its changes.
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
    revision: int = 0
