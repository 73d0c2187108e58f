"""How builds are kept away from the data folder: the wish, and what a machine can do."""

from enum import StrEnum


class SandboxWish(StrEnum):
    """What an installation asks for: see docs/operating.md."""

    AUTO = "auto"
    REQUIRED = "required"
    OFF = "off"


class SandboxMode(StrEnum):
    """What is really done: bubblewrap, another user id, or nothing."""

    BWRAP = "bwrap"
    USER = "user"
    OFF = "off"
