"""Queries about worker queries: add, claim, answer; with leases, as for releases."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, insert, or_, select, update

from mprelease.domain.worker_queries import QueryAnswer, WorkerQuery, WorkerQueryKind
from mprelease.storage.clock import now_ms
from mprelease.storage.database import Database, Reader, Writer, new_id
from mprelease.storage.queue import to_json
from mprelease.storage.releases import problem_detail_from
from mprelease.storage.tables import worker_queries

# A query whose workers died so often is not tried again.
_ATTEMPTS = 2
_KEPT_MS = 3_600_000
# The longest wait of a caller; an older query is not claimed.
_AWAITED_MS = 120_000
_CANDIDATES = 200
# The worker of a query that is pending for longer may have died.
_JOINED_MS = 15_000


@dataclass(frozen=True)
class ClaimedRow:
    """A claimed query; `attempt` distinguishes the claim from later ones."""

    id: int
    attempt: int
    query: WorkerQuery


def add(db: Writer, label: str, query: WorkerQuery) -> int:
    """Insert a query for the workers of a label, and delete old ones; return its id."""
    db.connection.execute(
        delete(worker_queries).where(worker_queries.c.asked_at < now_ms() - _KEPT_MS)
    )
    result = db.connection.execute(
        insert(worker_queries).values(
            label=label,
            kind=query.kind,
            subject=query.subject,
            arguments=dict(query.arguments),
            asked_at=now_ms(),
            attempt=0,
        )
    )
    return new_id(result)


def cached(db: Reader, label: str, query: WorkerQuery, max_age: int) -> QueryAnswer | None:
    """Return an answer to the same query of the last `max_age` ms, else None."""
    rows = db.connection.execute(
        select(worker_queries)
        .where(worker_queries.c.kind == query.kind, worker_queries.c.subject == query.subject)
        .where(worker_queries.c.answered_at > now_ms() - max_age, worker_queries.c.label == label)
        .order_by(worker_queries.c.answered_at.desc())
    )
    same = (row for row in rows if row.arguments == dict(query.arguments) and not row.error)
    return next((QueryAnswer(row.answer) for row in same), None)


def pending(db: Reader, label: str, query: WorkerQuery) -> int | None:
    """Return the id of the same query if it is recent and not yet answered."""
    rows = db.connection.execute(
        select(worker_queries.c.id, worker_queries.c.arguments)
        .where(worker_queries.c.kind == query.kind, worker_queries.c.subject == query.subject)
        .where(worker_queries.c.answered_at.is_(None), worker_queries.c.label == label)
        .where(
            worker_queries.c.attempt < _ATTEMPTS, worker_queries.c.asked_at > now_ms() - _JOINED_MS
        )
    )
    return next((int(row.id) for row in rows if row.arguments == dict(query.arguments)), None)


def claim(
    database: Database,
    labels: Sequence[str],
    ttl: int,
    may: Callable[[int, WorkerQuery], bool] = lambda *_: True,
) -> ClaimedRow | None:
    """Lease the oldest open query of these labels for `ttl` ms; None if there is none.

    `may`, called with id and query, returns whether the caller can take it now.
    """
    # Every wake-up call leads here, mostly for a release: a read does not block writers.
    with database.reading() as db:
        rows = _open(db, labels)
    for row in rows:
        if may(row.id, _query(row)):
            with database.writing() as db:
                claimed = _claimed(db, row, ttl)
            if claimed:
                return claimed
    return None


def _open(db: Reader, labels: Sequence[str]) -> Sequence[Row[Any]]:
    return db.connection.execute(
        select(worker_queries)
        .where(worker_queries.c.answered_at.is_(None), worker_queries.c.label.in_(labels))
        .where(
            worker_queries.c.attempt < _ATTEMPTS, worker_queries.c.asked_at > now_ms() - _AWAITED_MS
        )
        # Kinds of a newer version are for newer workers.
        .where(worker_queries.c.kind.in_(list(WorkerQueryKind)))
        .where(or_(worker_queries.c.lease_until.is_(None), worker_queries.c.lease_until < now_ms()))
        .order_by(worker_queries.c.id)
        .limit(_CANDIDATES)
    ).all()


def _query(row: Row[Any]) -> WorkerQuery:
    return WorkerQuery(WorkerQueryKind(row.kind), row.subject, row.arguments)


def _claimed(db: Writer, row: Row[Any], ttl: int) -> ClaimedRow | None:
    mine = update(worker_queries).where(
        worker_queries.c.id == row.id,
        worker_queries.c.attempt == row.attempt,
        worker_queries.c.answered_at.is_(None),
    )
    result = db.connection.execute(mine.values(attempt=row.attempt + 1, lease_until=now_ms() + ttl))
    if result.rowcount != 1:
        return None
    return ClaimedRow(row.id, row.attempt + 1, _query(row))


def answer(db: Writer, taken: ClaimedRow, given: QueryAnswer) -> bool:
    """Store the answer; return False if another worker has claimed the query meanwhile."""
    mine = update(worker_queries).where(
        worker_queries.c.id == taken.id, worker_queries.c.attempt == taken.attempt
    )
    values = {
        "answered_at": now_ms(),
        "answer": given.facts,
        "error": to_json(given.problem_detail) if given.problem_detail else None,
    }
    return db.connection.execute(mine.values(values)).rowcount == 1


def requeue(db: Writer, taken: ClaimedRow) -> None:
    """End the lease of a query that is neither answered nor claimed by another worker."""
    mine = update(worker_queries).where(
        worker_queries.c.id == taken.id,
        worker_queries.c.attempt == taken.attempt,
        worker_queries.c.answered_at.is_(None),
    )
    db.connection.execute(mine.values(lease_until=None))


def answered(db: Reader, query_id: int) -> QueryAnswer | None:
    """Return the answer; None if there is none yet."""
    row = db.connection.execute(
        select(worker_queries).where(worker_queries.c.id == query_id)
    ).first()
    if row is None or row.answered_at is None:
        return None
    return QueryAnswer(row.answer, problem_detail_from(row.error) if row.error else None)
