"""Resource limits of one command."""

from dataclasses import dataclass
from enum import StrEnum


class LimitName(StrEnum):
    """The limit because of which a process tree was ended."""

    PROCESSES = "processes"
    MEMORY = "memory"
    DISK = "disk"
    LOG = "log"


@dataclass(frozen=True)
class ResourceLimits:
    """Limits of a command's whole process tree; None means no limit.

    `memory`, `disk` and `log` are in MiB: the sum of memory and swap of all processes, the sum of
    the command's folders (a file counts at least 4 KiB, and none may exceed the limit), and the
    output. `processes` includes threads; with a separate user id, given by root, the kernel also
    enforces it (fork fails). A tree that reaches a limit is ended. `niceness` is added to the
    worker's.
    """

    processes: int | None = None
    memory: int | None = None
    disk: int | None = None
    log: int | None = None
    niceness: int = 0


NO_LIMITS = ResourceLimits()
