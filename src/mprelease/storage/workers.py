"""Queries about workers: registration, heartbeats, draining, and the labels that they serve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Integer,
    Row,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
    update,
)

from mprelease.domain.newer_values import known_or_newer
from mprelease.domain.releases import State
from mprelease.domain.sandbox import SandboxMode
from mprelease.domain.stores import readable_reports
from mprelease.domain.workers import ALIVE_MS, WorkerRecord
from mprelease.storage.clock import now_ms
from mprelease.storage.database import Reader, Writer
from mprelease.storage.tables import apps, releases, worker_queries, workers

_LONGEST_REASON = 1000


def register(
    db: Writer,
    name: str,
    labels: Sequence[str],
    slots: int,
    version: str,
    *,
    sandbox: SandboxMode | None = None,
    sandbox_reason: str = "",
) -> None:
    """Insert a worker, replacing the row of its previous process."""
    unregister(db, name)
    db.connection.execute(
        insert(workers).values(
            name=name,
            labels=list(labels),
            slots=slots,
            version=version,
            started_at=now_ms(),
            seen_at=now_ms(),
            draining=False,
            sandbox=sandbox,
            sandbox_reason=sandbox_reason[:_LONGEST_REASON],
        )
    )


@dataclass(frozen=True)
class Orders:
    """Requests to a worker: to take no more releases, and to clean its disk now.

    `has_work`: whether any release is queued or any worker query is unanswered.
    """

    draining: bool
    cleanup: bool = False
    has_work: bool = True


def heartbeat(
    db: Writer, name: str, loop_failures: int = 0, *, low_disk: bool | None = None
) -> Orders:
    """Record that a worker is alive; return the requests to it.

    `loop_failures` is the number of unexpected failures of its loops; with `low_disk` it claims no
    release until more of its disk is free.
    """
    mine = workers.c.name == name
    seen = {"seen_at": now_ms(), "loop_failures": loop_failures, "low_disk": low_disk}
    db.connection.execute(update(workers).where(mine).values(seen))
    queued = exists().where(releases.c.state == State.QUEUED)
    unanswered = exists().where(worker_queries.c.answered_at.is_(None))
    row = db.connection.execute(
        select(
            workers.c.draining,
            workers.c.cleanup_requested_at,
            or_(queued, unanswered).label("has_work"),
        ).where(mine)
    ).first()
    if row is None:
        return Orders(draining=False)
    if row.cleanup_requested_at is not None:
        done = update(workers).where(
            mine, workers.c.cleanup_requested_at == row.cleanup_requested_at
        )
        db.connection.execute(done.values(cleanup_requested_at=None))
    return Orders(bool(row.draining), row.cleanup_requested_at is not None, bool(row.has_work))


def request_cleanup(db: Writer, name: str | None = None) -> int:
    """Request a cleanup of a worker (None: of all); return the number of alive ones."""
    alive = update(workers).where(workers.c.seen_at > now_ms() - ALIVE_MS)
    mine = alive if name is None else alive.where(workers.c.name == name)
    return db.connection.execute(mine.values(cleanup_requested_at=now_ms())).rowcount


def report_stores(db: Writer, name: str, stores: Sequence[Mapping[str, Any]]) -> None:
    """Record what a worker's stores held at its cleanup, and what that removed."""
    row = update(workers).where(workers.c.name == name)
    db.connection.execute(row.values(stores=list(stores), stores_at=now_ms()))


def is_first(db: Reader, name: str) -> bool:
    """Return whether a worker is the first of the alive ones: that one cleans the database."""
    alive = select(func.min(workers.c.name)).where(workers.c.seen_at > now_ms() - ALIVE_MS)
    return bool(db.connection.scalar(alive) == name)


def drain(db: Writer, name: str, *, draining: bool) -> bool:
    """Set whether a worker takes no more releases; return False if there is no such worker."""
    row = update(workers).where(workers.c.name == name)
    return db.connection.execute(row.values(draining=draining)).rowcount == 1


def unregister(db: Writer, name: str) -> None:
    """Delete a worker."""
    db.connection.execute(delete(workers).where(workers.c.name == name))


def every(db: Reader) -> list[WorkerRecord]:
    """List all workers, also dead ones, with the ids of their running releases."""
    runs: dict[str, list[int]] = {}
    running = select(releases.c.id, releases.c.worker_id).where(releases.c.state == State.RUNNING)
    for row in db.connection.execute(running.order_by(releases.c.id)):
        runs.setdefault(row.worker_id, []).append(row.id)
    query = select(workers, now_ms().label("now")).order_by(workers.c.name)
    return [_worker(row, runs.get(row.name, [])) for row in db.connection.execute(query)]


def unconfined(db: Reader) -> list[str]:
    """List the names of alive workers without a sandbox for builds."""
    return list(db.connection.scalars(_UNCONFINED))


_UNCONFINED = (
    select(workers.c.name)
    .where(workers.c.sandbox == SandboxMode.OFF, workers.c.seen_at > now_ms() - ALIVE_MS)
    .order_by(workers.c.name)
)


@dataclass(frozen=True)
class Waits:
    """Why queued releases wait, by their ids.

    `unserved` has the labels that no alive worker takes; `without_disk` the names of the workers
    of a label, if too little of the disks of all of them is free.
    """

    unserved: Mapping[int, str]
    without_disk: Mapping[int, str]


def waits(db: Reader, labels: Mapping[int, str]) -> Waits:
    """Return which queued releases wait for a worker, or for the disks of all workers.

    `labels` are those of the releases, by id.
    """
    if not labels:
        return Waits({}, {})
    found = select(workers.c.name, workers.c.labels, workers.c.low_disk).where(_TAKES)
    takers = db.connection.execute(found.order_by(workers.c.name)).all()
    served = {each: [one for one in takers if labels[each] in one.labels] for each in labels}
    return Waits(
        {each: label for each, label in labels.items() if not served[each]},
        {
            release_id: ", ".join(one.name for one in some)
            for release_id, some in served.items()
            if some and all(one.low_disk for one in some)
        },
    )


def unserved_labels(db: Reader) -> dict[str, int]:
    """Return the labels of apps and of queued releases that no alive worker takes.

    Each with the number of its queued releases.
    """
    used = {row.label: row.waiting for row in db.connection.execute(_USED_LABELS)}
    served = {label for row in db.connection.execute(_TAKERS) for label in row.labels}
    return {label: count for label, count in sorted(used.items()) if label not in served}


_TAKES = (workers.c.seen_at > now_ms() - ALIVE_MS) & workers.c.draining.is_(False)
_TAKERS = select(workers.c.labels).where(_TAKES)
_EACH_LABEL = union_all(
    select(apps.c.label, literal(0).label("queued")).where(apps.c.removed_at.is_(None)),
    select(releases.c.label, literal(1)).where(releases.c.state == State.QUEUED),
).subquery()
_USED_LABELS = select(
    _EACH_LABEL.c.label, cast(func.sum(_EACH_LABEL.c.queued), Integer).label("waiting")
).group_by(_EACH_LABEL.c.label)


def serving(db: Reader, label: str) -> list[WorkerRecord]:
    """List the alive workers that take releases of this label and are not draining."""
    return [
        worker
        for worker in every(db)
        if worker.is_alive and not worker.draining and label in worker.labels
    ]


def _worker(row: Row[Any], runs: Sequence[int]) -> WorkerRecord:
    return WorkerRecord(
        name=row.name,
        labels=tuple(row.labels),
        slots=row.slots,
        version=row.version,
        started_at=row.started_at,
        seen_at=row.seen_at,
        draining=row.draining,
        sandbox=known_or_newer(SandboxMode, row.sandbox) if row.sandbox else None,
        sandbox_reason=row.sandbox_reason or "",
        is_alive=row.now - row.seen_at < ALIVE_MS,
        runs=tuple(runs),
        loop_failures=row.loop_failures or 0,
        low_disk=bool(row.low_disk),
        stores=readable_reports(row.stores or ()),
        stores_at=row.stores_at,
    )
