"""Values of an app's fields: its two environments, and what is published."""

from enum import StrEnum


class Environment(StrEnum):
    """Which of an app's two build commands a release uses."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"


class BundlerCache(StrEnum):
    """Whether builds of an app use what bundlers have kept of earlier builds.

    `PROJECT`: where the project's own configuration does. `ON`: also by Taro, which keeps nothing
    by itself. `OFF`: each build starts without.
    """

    PROJECT = "project"
    ON = "on"
    OFF = "off"


class ProjectType(StrEnum):
    """What is published, as miniprogram-ci calls it (`type` of its Project)."""

    MINI_PROGRAM = "miniProgram"
    MINI_PROGRAM_PLUGIN = "miniProgramPlugin"
    MINI_GAME = "miniGame"
    MINI_GAME_PLUGIN = "miniGamePlugin"
