"""What the data folder and the database hold, what may be removed, and why."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any


class StoreName(StrEnum):
    """The name of a store: the first eight are folders of a worker, the others in the database."""

    MIRRORS = "mirrors"
    WORKSPACES = "workspaces"
    DEPENDENCY_SETS = "dependency_sets"
    ARTIFACTS = "artifacts"
    CACHES = "caches"
    PACKAGE_STORES = "package_stores"
    COMPILE_RESULTS = "compile_results"
    MANAGERS = "managers"
    TOOLS = "tools"
    RELEASES = "releases"
    LOGS = "logs"
    QR_CODES = "qr_codes"


class RemovalReason(StrEnum):
    """Why an item is removed.

    ORPHAN: no app uses its repository. LEFTOVER: an interrupted operation has left it. OUTDATED:
    a tool in another version than the pinned one. AGE: unused, or kept, for longer than the
    setting allows. LIMIT: the store is greater than its limit. LOW_DISK: the disk is nearly full.
    """

    ORPHAN = "orphan"
    LEFTOVER = "leftover"
    OUTDATED = "outdated"
    AGE = "age"
    LIMIT = "limit"
    LOW_DISK = "low_disk"


@dataclass(frozen=True)
class StoreReport:
    """One store at a cleanup; sizes in bytes.

    `limit` is the greatest size, None if there is none; `days` is the greatest age and
    `most_per_app` the greatest number for each app, 0 if any is allowed. `removed` counts by reason
    what was removed, or would be, of `removed_size` in all.
    """

    store: StoreName
    items: int
    size: int
    limit: int | None = None
    days: int = 0
    removed: Mapping[RemovalReason, int] = field(default_factory=dict)
    removed_size: int = 0
    most_per_app: int = 0


def readable_reports(documents: Iterable[Mapping[str, Any]]) -> tuple[StoreReport, ...]:
    """Return stored reports, without the stores, fields and reasons of a newer version."""
    known = {each.name for each in fields(StoreReport)}
    readable = (one for one in documents if one.get("store") in set(StoreName))
    return tuple(
        StoreReport(
            **{
                **{name: value for name, value in one.items() if name in known},
                "store": StoreName(one["store"]),
                "removed": {
                    RemovalReason(why): count
                    for why, count in one.get("removed", {}).items()
                    if why in set(RemovalReason)
                },
            }
        )
        for one in readable
    )
