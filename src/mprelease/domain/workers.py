"""Workers: the processes that run releases, and the labels that say which ones."""

import re
from dataclasses import dataclass
from enum import StrEnum

from mprelease.domain.sandbox import SandboxMode

DEFAULT_LABEL = "default"
LABEL = re.compile(r"[a-z][a-z0-9-]{0,31}")
# A worker that was not seen for so long is taken for dead.
ALIVE_MS = 15_000


class OnTerminate(StrEnum):
    """What a worker that is told to end does with the releases that it runs."""

    FINISH = "finish"
    HAND_BACK = "hand_back"


@dataclass(frozen=True)
class WorkerRecord:
    """A worker as the others see it; times in milliseconds since the epoch, by the database.

    `runs` are the numbers of the releases that it holds. A draining worker takes no more. `sandbox`
    is how it confines builds, None where an older version does not tell. `loop_failures` is how
    often, since it began, one of its loops failed of something that nobody foresaw.
    """

    name: str
    labels: tuple[str, ...]
    slots: int
    version: str
    started_at: int
    seen_at: int
    draining: bool
    is_alive: bool
    runs: tuple[int, ...] = ()
    sandbox: SandboxMode | None = None
    loop_failures: int = 0
