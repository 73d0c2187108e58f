"""Workers: processes that run the releases of their labels."""

import re
from dataclasses import dataclass
from enum import StrEnum

from mprelease.domain.sandbox import SandboxMode
from mprelease.domain.stores import StoreReport

DEFAULT_LABEL = "default"
LABEL = re.compile(r"[a-z][a-z0-9-]{0,31}")
# A worker without a heartbeat for so long counts as dead.
ALIVE_MS = 15_000


class OnTerminate(StrEnum):
    """What a worker does with its running releases when it is terminated."""

    FINISH = "finish"
    HAND_BACK = "hand_back"


@dataclass(frozen=True)
class WorkerRecord:
    """A worker as stored; times in milliseconds since the epoch, by the database's clock.

    `runs` are the ids of its running releases. A draining worker claims no more. `sandbox` is how
    it isolates builds, None if an older version does not report it, and `sandbox_reason` why it
    is not a stronger mode. `loop_failures` counts the unexpected failures of its loops since it
    started. With `low_disk` it claims no release until more of its disk is free. `stores` are the
    reports of its last cleanup.
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
    sandbox_reason: str = ""
    loop_failures: int = 0
    low_disk: bool = False
    stores: tuple[StoreReport, ...] = ()
    stores_at: int | None = None
