"""Values of an app's fields: its two environments, and what is published."""

from enum import StrEnum


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
