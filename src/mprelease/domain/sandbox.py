"""How builds are isolated: the policy that is configured, and the mode that is in use."""

from dataclasses import dataclass
from enum import StrEnum


class SandboxPolicy(StrEnum):
    """The policy of an installation: see docs/operating.md."""

    AUTO = "auto"
    REQUIRED = "required"
    OFF = "off"


class SandboxMode(StrEnum):
    """The isolation in use: bubblewrap, separate user ids only, or none."""

    BWRAP = "bwrap"
    USER = "user"
    OFF = "off"


@dataclass(frozen=True)
class UidRange:
    """The user ids from `first` to `last`, inclusive; each is also used as a group id."""

    first: int
    last: int

    def __str__(self) -> str:
        """Return the range in the form of the setting."""
        return f"{self.first}-{self.last}"

    @property
    def ids(self) -> range:
        """Return the ids."""
        return range(self.first, self.last + 1)
