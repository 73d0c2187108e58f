"""What is to be run, said completely: nothing is inherited from the worker."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mprelease.process.limits import NO_LIMITS, ResourceLimits


@dataclass(frozen=True)
class Command:
    """Describe one command.

    `arguments` is a list and never passes a shell; its first one is looked up in the PATH of
    `environment`. `time_limit` is in seconds, then the whole tree is ended. `user` is another
    user id, and group id of the same number, which only root can give; None means ours.

    `limits` bound what it uses; `disk_folders`, as they lie on the machine, are those that count.
    An `expendable` command is what the kernel ends first when memory runs out. With `sweep_user`
    every process of `user` is killed at the end, wherever it came from. A `scoped` one reaches no
    abstract socket but its own, where the kernel can refuse that, and gains no rights.
    """

    arguments: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    time_limit: float
    user: int | None = None
    limits: ResourceLimits = NO_LIMITS
    disk_folders: tuple[Path, ...] = ()
    expendable: bool = False
    sweep_user: bool = False
    scoped: bool = False
