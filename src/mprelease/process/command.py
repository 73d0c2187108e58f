"""What is to be run, said completely: nothing is inherited from the worker."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Command:
    """Describe one command.

    `arguments` is a list and never passes a shell; its first one is looked up in the PATH of
    `environment`. `time_limit` is in seconds, then the whole tree is ended. `user` is another
    user id, and group id of the same number, which only root can give; None means ours.
    """

    arguments: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    time_limit: float
    user: int | None = None
