"""How builds are kept away from everything else: the policy, and what a machine can do."""

from dataclasses import dataclass
from enum import StrEnum


class SandboxPolicy(StrEnum):
    """What an installation asks for: see docs/operating.md."""

    AUTO = "auto"
    REQUIRED = "required"
    OFF = "off"


class SandboxMode(StrEnum):
    """What is really done: bubblewrap, other user ids alone, or nothing."""

    BWRAP = "bwrap"
    USER = "user"
    OFF = "off"


@dataclass(frozen=True)
class UidRange:
    """The user ids from `first` to `last`, both included; each is a group id as well."""

    first: int
    last: int

    def __str__(self) -> str:
        """Return the range as the setting has it."""
        return f"{self.first}-{self.last}"

    @property
    def ids(self) -> range:
        """Return all ids."""
        return range(self.first, self.last + 1)
