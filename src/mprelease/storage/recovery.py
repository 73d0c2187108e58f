"""Recovery of releases whose worker died, decided by their rows alone."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, select, update

from mprelease.domain.problems import Message, Problem, ProblemDetail
from mprelease.domain.releases import Kind, PublishState, StageState, State
from mprelease.storage.clock import now_ms
from mprelease.storage.database import Database, Writer
from mprelease.storage.queue import QUEUED_AGAIN, reset_stages, to_json
from mprelease.storage.tables import releases, stages

# Limits how often a release that makes its worker crash is retried.
ATTEMPTS = 3


def expire(db: Writer, worker_id: str) -> None:
    """Expire the leases of a worker's previous process.

    Only for the process that has locked the worker's data folder: the previous one has ended.
    """
    mine = update(releases).where(
        releases.c.state == State.RUNNING, releases.c.worker_id == worker_id
    )
    db.connection.execute(mine.values(lease_until=0))


def reconcile(database: Database) -> list[tuple[int, State]]:
    """Move running releases with an expired lease to their next state; return ids and states.

    Several nodes may do so at the same time: each release is moved by one of them.
    """
    with database.reading() as db:
        expired = db.connection.execute(
            select(releases).where(
                releases.c.state == State.RUNNING, releases.c.lease_until < now_ms()
            )
        ).all()
    return [(row.id, outcome_when_expired(row)) for row in expired if _moved(database, row)]


def outcome_when_expired(row: Row[Any]) -> State:
    """Return the next state of a release whose lease has expired."""
    if row.publish_state == PublishState.DONE:
        return State.SUCCEEDED
    if row.kind == Kind.UPLOAD and row.publish_state == PublishState.STARTED:
        return State.UNKNOWN
    if row.cancel_requested:
        return State.CANCELED
    return State.FAILED if row.deaths + 1 >= ATTEMPTS else State.QUEUED


def _moved(database: Database, row: Row[Any]) -> bool:
    state = outcome_when_expired(row)
    with database.writing() as db:
        # A renewal, or another node's recovery, has changed one of these columns or the lease.
        unchanged = [
            releases.c[name] == getattr(row, name)
            for name in ("id", "lease_token", "publish_state", "cancel_requested")
        ]
        moved = db.connection.execute(
            update(releases)
            .where(*unchanged, releases.c.state == State.RUNNING, releases.c.lease_until < now_ms())
            .values(_values(row, state))
        )
        if moved.rowcount == 1:
            _end_stages(db, row.id, state)
    return moved.rowcount == 1


def _values(row: Row[Any], state: State) -> dict[str, Any]:
    if state is State.QUEUED:
        died = Message("warning.worker_died", {"worker": row.worker_id or "?"})
        return {**QUEUED_AGAIN, "deaths": row.deaths + 1, "warnings": [asdict(died)]}
    ended: dict[str, Any] = {"state": state, "ended_at": now_ms()}
    if state is State.UNKNOWN:
        # The running_key is kept, so that no release of the same key runs before this one is
        # resolved, and the token, so that a worker that only lost its connection can reclaim it.
        return {**ended, "error": to_json(ProblemDetail(Problem.WORKER_DIED))}
    ended |= {"running_key": None, "lease_token": None, "lease_until": None}
    if state is State.FAILED:
        used_up = ProblemDetail(Problem.ATTEMPTS_USED_UP, {"attempts": ATTEMPTS})
        return {**ended, "error": to_json(used_up)}
    return ended


_STAGE_ENDS = {State.SUCCEEDED: StageState.SUCCEEDED, State.CANCELED: StageState.CANCELED}


def _end_stages(db: Writer, release_id: int, state: State) -> None:
    if state is State.QUEUED:
        reset_stages(db, release_id)
        return
    running = update(stages).where(
        stages.c.release_id == release_id, stages.c.state == StageState.RUNNING
    )
    ended = _STAGE_ENDS.get(state, StageState.FAILED)
    db.connection.execute(running.values(state=ended, ended_at=now_ms()))
