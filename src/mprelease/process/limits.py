"""What one command may use of the machine."""

from dataclasses import dataclass
from enum import StrEnum


class LimitName(StrEnum):
    """Name the limit for which a tree of processes was ended."""

    PROCESSES = "processes"
    MEMORY = "memory"
    DISK = "disk"
    LOG = "log"


@dataclass(frozen=True)
class ResourceLimits:
    """Bound a command with all that it starts; None is no bound.

    `memory`, `disk` and `log` are in MiB: what its processes hold together in memory and swap, what
    the folders of the command hold together (a file counts 4 KiB at least, and none may be larger
    than the bound), and what it writes to its outputs. `processes` counts threads, too. It is kept
    by the kernel where root gave the command a user id of its own (a further process is refused);
    there and elsewhere a tree that reaches it is ended. `niceness` is added to ours.
    """

    processes: int | None = None
    memory: int | None = None
    disk: int | None = None
    log: int | None = None
    niceness: int = 0


NO_LIMITS = ResourceLimits()
