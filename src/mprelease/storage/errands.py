"""Queries about errands: ask, claim, answer. The row is the job, as it is with releases."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, insert, or_, select, update

from mprelease.domain.errands import Answer, Errand, ErrandKind
from mprelease.storage.clock import now_ms
from mprelease.storage.database import Database, Reader, Writer, new_id
from mprelease.storage.queue import stored
from mprelease.storage.releases import trouble_from
from mprelease.storage.tables import errands

# Two workers that die over the same errand are enough.
_ATTEMPTS = 2
_KEPT_MS = 3_600_000
# Nobody waits for longer; an errand that is older is not begun.
_AWAITED_MS = 120_000
_LOOKED_AT = 200
# A question of so long ago may have been forgotten by a worker that died.
_JOINED_MS = 15_000


@dataclass(frozen=True)
class Taken:
    """An errand that is ours to answer; `attempt` tells it from a later claim."""

    id: int
    attempt: int
    errand: Errand


def ask(db: Writer, label: str, errand: Errand) -> int:
    """Write a question for the workers of a label; return its number."""
    db.connection.execute(delete(errands).where(errands.c.asked_at < now_ms() - _KEPT_MS))
    result = db.connection.execute(
        insert(errands).values(
            label=label,
            kind=errand.kind,
            subject=errand.subject,
            arguments=dict(errand.arguments),
            asked_at=now_ms(),
            attempt=0,
        )
    )
    return new_id(result)


def cached(db: Reader, label: str, errand: Errand, max_age: int) -> Answer | None:
    """Find an answer to the same question that is no older than `max_age` ms."""
    rows = db.connection.execute(
        select(errands)
        .where(errands.c.kind == errand.kind, errands.c.subject == errand.subject)
        .where(errands.c.answered_at > now_ms() - max_age, errands.c.label == label)
        .order_by(errands.c.answered_at.desc())
    )
    same = (row for row in rows if row.arguments == dict(errand.arguments) and not row.error)
    return next((Answer(row.answer) for row in same), None)


def pending(db: Reader, label: str, errand: Errand) -> int | None:
    """Find the same question where somebody waits for its answer already; return its number."""
    rows = db.connection.execute(
        select(errands.c.id, errands.c.arguments)
        .where(errands.c.kind == errand.kind, errands.c.subject == errand.subject)
        .where(errands.c.answered_at.is_(None), errands.c.label == label)
        .where(errands.c.attempt < _ATTEMPTS, errands.c.asked_at > now_ms() - _JOINED_MS)
    )
    return next((int(row.id) for row in rows if row.arguments == dict(errand.arguments)), None)


def claim(
    database: Database,
    labels: Sequence[str],
    ttl: int,
    may: Callable[[int, Errand], bool] = lambda *_: True,
) -> Taken | None:
    """Take the oldest open errand of these labels for `ttl` ms, unless somebody was faster.

    `may` is asked about each one, by its number, until it allows one.
    """
    # Every wake-up call leads here, mostly for a release: looking alone keeps no writer waiting.
    with database.reading() as db:
        rows = _open(db, labels)
    for row in rows:
        if may(row.id, _errand(row)):
            with database.writing() as db:
                taken = _taken(db, row, ttl)
            if taken:
                return taken
    return None


def _open(db: Reader, labels: Sequence[str]) -> Sequence[Row[Any]]:
    return db.connection.execute(
        select(errands)
        .where(errands.c.answered_at.is_(None), errands.c.label.in_(labels))
        .where(errands.c.attempt < _ATTEMPTS, errands.c.asked_at > now_ms() - _AWAITED_MS)
        # What a newer node asks in a kind of its own is for newer workers.
        .where(errands.c.kind.in_(list(ErrandKind)))
        .where(or_(errands.c.lease_until.is_(None), errands.c.lease_until < now_ms()))
        .order_by(errands.c.id)
        .limit(_LOOKED_AT)
    ).all()


def _errand(row: Row[Any]) -> Errand:
    return Errand(ErrandKind(row.kind), row.subject, row.arguments)


def _taken(db: Writer, row: Row[Any], ttl: int) -> Taken | None:
    mine = update(errands).where(
        errands.c.id == row.id, errands.c.attempt == row.attempt, errands.c.answered_at.is_(None)
    )
    taken = db.connection.execute(mine.values(attempt=row.attempt + 1, lease_until=now_ms() + ttl))
    if taken.rowcount != 1:
        return None
    return Taken(row.id, row.attempt + 1, _errand(row))


def answer(db: Writer, taken: Taken, given: Answer) -> bool:
    """Write the answer, unless somebody else has taken the errand meanwhile."""
    mine = update(errands).where(errands.c.id == taken.id, errands.c.attempt == taken.attempt)
    values = {
        "answered_at": now_ms(),
        "answer": given.facts,
        "error": stored(given.trouble) if given.trouble else None,
    }
    return db.connection.execute(mine.values(values)).rowcount == 1


def hand_back(db: Writer, taken: Taken) -> None:
    """Let another worker take an errand at once, unless that has happened or it is answered."""
    mine = update(errands).where(
        errands.c.id == taken.id,
        errands.c.attempt == taken.attempt,
        errands.c.answered_at.is_(None),
    )
    db.connection.execute(mine.values(lease_until=None))


def answered(db: Reader, errand_id: int) -> Answer | None:
    """Return the answer once it is there."""
    row = db.connection.execute(select(errands).where(errands.c.id == errand_id)).first()
    if row is None or row.answered_at is None:
        return None
    return Answer(row.answer, trouble_from(row.error) if row.error else None)
