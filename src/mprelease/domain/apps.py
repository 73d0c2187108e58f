"""Apps: one mini program on one platform, and how it is built."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
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
    """How an app is built; fields that are None are detected from the repository.

    `directory` is relative to the repository, `output` to `directory`. `node` is a version of
    Node, a range, or a name such as `lts/iron`. `node_memory` is the limit of
    Node's heap in MiB. `compile_settings` are passed to the vendor's tool. `install_inputs` are
    patterns of the files that hooks of the repository read during an install; empty means the
    whole committed tree, unless every hook is a known one. `private_dependencies` gives each build
    a writable copy of the dependency set. Dependency sets from before `installed_from` (ms since
    the epoch) are not reused. With `always_build`, what was built before is not, either: for builds
    whose output depends on more than their inputs, for example on a server.
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
    always_build: bool = False

    def inputs(self, environment: Environment) -> Mapping[str, object]:
        """Return the settings on which the output of a build in an environment depends."""
        is_production = environment is Environment.PRODUCTION
        other = "dev_build_command" if is_production else "build_command"
        left_out = {other, "compile_settings", "always_build"}
        return {name: value for name, value in asdict(self).items() if name not in left_out}


@dataclass(frozen=True)
class App:
    """An app as it is stored, without its credential.

    `platform_app_id` is the id that the platform assigned (`wx…`). `proxy` overrides the
    installation's egress proxy for the vendor's tool. Workers with `label` run its releases.
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
    revision: int = 0
