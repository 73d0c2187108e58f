"""The complete description of a command; it inherits nothing from the worker."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mprelease.process.limits import NO_LIMITS, ResourceLimits
from mprelease.process.supervisor_protocol import Order


@dataclass(frozen=True)
class Command:
    """A command to run.

    `arguments` are not passed through a shell; the first one is looked up in the PATH of
    `environment`. `time_limit` is in seconds; then the whole tree is ended. `user` is the user id,
    and the group id of the same number, to run under, which needs root; None means the worker's.

    `limits` apply to the whole tree; `disk_folders` are the folders (paths of the machine) whose
    size counts. An `expendable` command is killed first when memory runs out. With `sweep_user`
    every process of `user` is killed at the end. A `scoped` command cannot gain rights, nor reach
    abstract sockets of other processes if the kernel supports that.
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


def order_of(command: Command, *, events: bool) -> Order:
    """Return the order of a command for its supervisor."""
    return Order(
        # marshal accepts plain strings only, no members of a StrEnum.
        arguments=[str(each) for each in command.arguments],
        folder=str(command.folder),
        environment={name: str(value) for name, value in command.environment.items()},
        time_limit=command.time_limit,
        user=command.user,
        events=events,
        processes=command.limits.processes,
        memory=command.limits.memory,
        disk=command.limits.disk,
        disk_folders=[str(each) for each in command.disk_folders],
        niceness=command.limits.niceness,
        expendable=command.expendable,
        sweep_user=command.sweep_user,
        scoped=command.scoped,
    )
