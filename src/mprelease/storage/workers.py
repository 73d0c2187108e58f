"""Queries about workers: registration, heartbeats, draining, and the labels that they serve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, exists, func, insert, or_, select, update

from mprelease.domain.newer_values import known_or_newer
from mprelease.domain.releases import State
from mprelease.domain.sandbox import SandboxMode
from mprelease.domain.stores import readable_reports
from mprelease.domain.workers import ALIVE_MS, WorkerRecord
from mprelease.storage.clock import now_ms
from mprelease.storage.database import Reader, Writer
from mprelease.storage.tables import releases, worker_queries, workers

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


def waits(db: Reader, release_ids: Sequence[int]) -> Waits:
    """Return which of these queued releases wait for a worker, or for the disks of all workers."""
    query = select(releases.c.id, releases.c.label)
    mine = releases.c.id.in_(release_ids) & (releases.c.state == State.QUEUED)
    queued = db.connection.execute(query.where(mine)).all() if release_ids else []
    if not queued:
        return Waits({}, {})
    takes = (workers.c.seen_at > now_ms() - ALIVE_MS) & workers.c.draining.is_(False)
    found = select(workers.c.name, workers.c.labels, workers.c.low_disk).where(takes)
    takers = db.connection.execute(found.order_by(workers.c.name)).all()
    served = {row.id: [one for one in takers if row.label in one.labels] for row in queued}
    return Waits(
        {row.id: row.label for row in queued if not served[row.id]},
        {
            release_id: ", ".join(one.name for one in some)
            for release_id, some in served.items()
            if some and all(one.low_disk for one in some)
        },
    )


def unserved(db: Reader, release_ids: Sequence[int]) -> Mapping[int, str]:
    """Return the label of those of these queued releases that no alive worker takes."""
    return waits(db, release_ids).unserved


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
