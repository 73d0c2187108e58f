"""The queue of releases: claim, renew, fence, end. Every write is a compare-and-set.

Only the holder of the lease token can write; False means that the lease was lost.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Update, func, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from mprelease.domain.problems import Message, Problem, ProblemDetail
from mprelease.domain.releases import MOVES, Kind, PublishState, Stage, StageState, State
from mprelease.storage.clock import now_ms
from mprelease.storage.contention import is_contention
from mprelease.storage.database import Database, Reader, Writer
from mprelease.storage.tables import releases, stages

LEASE_MS = 30_000
_ALIKE = ("app_id", "kind", "ref", "robot", "environment")


@dataclass(frozen=True)
class Lease:
    """A worker's claim on a release; it expires if not renewed for `ttl` ms."""

    release_id: int
    attempt: int
    token: str
    ttl: int = LEASE_MS


def claim(
    database: Database, release_id: int, worker_id: str, token: str, ttl: int = LEASE_MS
) -> Lease | None:
    """Lease a queued release for `ttl` ms; return None if another worker was faster."""
    try:
        with database.writing() as db:
            taken = _moved(
                db,
                update(releases)
                .where(releases.c.id == release_id, releases.c.state == State.QUEUED)
                .values(
                    state=State.RUNNING,
                    running_key=releases.c.serial_key,
                    lease_token=token,
                    lease_until=now_ms() + ttl,
                    worker_id=worker_id,
                    attempt=releases.c.attempt + 1,
                    started_at=now_ms(),
                ),
            )
            return Lease(release_id, _attempt(db, release_id), token, ttl) if taken else None
    except IntegrityError:
        return None  # running_key is unique: another release of this serial key is running.
    except OperationalError as error:
        if not is_contention(error):
            raise
        return None


def renew(db: Writer, lease: Lease) -> bool:
    """Extend the lease by its `ttl`; return False if it was lost."""
    return _moved(db, _mine(lease).values(lease_until=now_ms() + lease.ttl))


def reclaim(db: Writer, lease: Lease) -> bool:
    """Set a release from UNKNOWN back to RUNNING for the worker that still has its token."""
    return _moved(
        db,
        update(releases)
        .where(releases.c.id == lease.release_id, releases.c.lease_token == lease.token)
        .where(releases.c.state == State.UNKNOWN)
        .values(state=State.RUNNING, error=None, ended_at=None, lease_until=now_ms() + lease.ttl),
    )


def cancel_is_requested(db: Reader, lease: Lease) -> bool:
    """Return whether the cancellation of this release was requested."""
    return bool(
        db.connection.scalar(
            select(releases.c.cancel_requested).where(releases.c.id == lease.release_id)
        )
    )


def pass_fence(db: Writer, lease: Lease) -> bool:
    """Record that an upload begins: the last statement before the vendor's tool may send.

    Return False if the lease was lost or a cancellation was requested.
    """
    return _moved(
        db,
        _mine(lease)
        .where(
            releases.c.publish_state == PublishState.NONE,
            releases.c.cancel_requested.is_(False),
            releases.c.lease_until > now_ms(),
        )
        .values(publish_state=PublishState.STARTED, lease_until=now_ms() + lease.ttl),
    )


def has_passed_fence(db: Writer, lease: Lease) -> bool:
    """Return whether `pass_fence` took effect, if its result was lost; extend the lease."""
    began = _mine(lease).where(
        releases.c.publish_state == PublishState.STARTED, releases.c.lease_until > now_ms()
    )
    return _moved(db, began.values(lease_until=now_ms() + lease.ttl))


def reopen_fence(db: Writer, lease: Lease) -> bool:
    """Undo `pass_fence`; only if certainly nothing was sent to the platform."""
    began = _mine(lease).where(releases.c.publish_state == PublishState.STARTED)
    return _moved(db, began.values(publish_state=PublishState.NONE))


def write(db: Writer, lease: Lease, **values: Any) -> bool:
    """Update columns of a running release; return False if the lease was lost."""
    return _moved(db, _mine(lease).values(**values))


def warn(db: Writer, lease: Lease, message: Message) -> None:
    """Add a warning to a running release."""
    row = select(releases.c.warnings).where(releases.c.id == lease.release_id)
    warnings = db.connection.scalar(row) or []
    if asdict(message) not in warnings:  # a retry, if the result of a commit was lost
        write(db, lease, warnings=[*warnings, asdict(message)])


def end(
    db: Writer,
    lease: Lease,
    state: State,
    error: ProblemDetail | None = None,
    failed_stage: Stage | None = None,
) -> bool:
    """End a running release and free its serial key; return False if the lease was lost."""
    return _moved(
        db,
        _mine(lease)
        .where(may_move(state))
        .values(
            state=state,
            error=to_json(error) if error else None,
            failed_stage=failed_stage,
            ended_at=now_ms(),
            running_key=None,
            lease_token=None,
            lease_until=None,
            **({"publish_state": PublishState.DONE} if state is State.SUCCEEDED else {}),
        ),
    )


def requeue(db: Writer, lease: Lease) -> bool:
    """Put a running release back to its place in the queue.

    Return False if the lease was lost or the fence passed.
    """
    back = _mine(lease).where(releases.c.publish_state == PublishState.NONE)
    return _moved(db, back.values(**QUEUED_AGAIN)) and reset_stages(db, lease.release_id)


def supersede(db: Writer, newer: int, requested_by: str) -> list[int]:
    """Cancel this user's older queued previews of the same app, ref, robot and environment.

    Return their ids.
    """
    new = releases.alias()
    alike = [releases.c[name] == new.c[name] for name in _ALIKE]
    older = db.connection.scalars(
        select(releases.c.id)
        .join(new, (new.c.id == newer) & (releases.c.id < new.c.id))
        .where(*alike, releases.c.kind == Kind.PREVIEW, releases.c.state == State.QUEUED)
        .where(releases.c.requested_by == requested_by)
    ).all()
    why = to_json(ProblemDetail(Problem.SUPERSEDED, {"release": newer}))
    canceled = {"state": State.CANCELED, "ended_at": now_ms(), "error": why}
    return [
        int(one)
        for one in older
        if _moved(
            db,
            update(releases)
            .where(releases.c.id == one, releases.c.state == State.QUEUED)
            .values(canceled),
        )
    ]


def last_due(db: Reader, serial_keys: Collection[str]) -> dict[str, int]:
    """Return by serial key the greatest `due` of its queued releases, if there are any."""
    query = (
        select(releases.c.serial_key, func.max(releases.c.due))
        .where(releases.c.serial_key.in_(serial_keys), releases.c.state == State.QUEUED)
        .group_by(releases.c.serial_key)
    )
    return {key: int(due) for key, due in db.connection.execute(query)}


def request_cancel(db: Writer, release_id: int) -> State | None:
    """Cancel a queued release at once, or request it of a running one before its fence.

    Return the state that the release was in, or None if it is too late.
    """
    if _moved(
        db,
        update(releases)
        .where(releases.c.id == release_id, releases.c.state == State.QUEUED)
        .values(state=State.CANCELED, cancel_requested=True, ended_at=now_ms()),
    ):
        return State.QUEUED
    is_requested = _moved(
        db,
        update(releases)
        .where(releases.c.id == release_id, releases.c.state == State.RUNNING)
        .where(releases.c.publish_state == PublishState.NONE)
        .values(cancel_requested=True),
    )
    return State.RUNNING if is_requested else None


def resolve(db: Writer, release_id: int, *, published: bool) -> bool:
    """End a release in state UNKNOWN as a user has decided, and free its serial key."""
    return _moved(
        db,
        update(releases)
        .where(releases.c.id == release_id, releases.c.state == State.UNKNOWN)
        .values(
            state=State.SUCCEEDED if published else State.FAILED,
            publish_state=PublishState.DONE if published else PublishState.NONE,
            running_key=None,
            lease_token=None,
            lease_until=None,
            **({"error": None} if published else {}),
        ),
    )


QUEUED_AGAIN: Mapping[str, Any] = {
    "state": State.QUEUED,
    "started_at": None,
    "publish_state": PublishState.NONE,
    "commit": None,
    "sizes": None,
    "running_key": None,
    "lease_token": None,
    "lease_until": None,
}


def reset_stages(db: Writer, release_id: int) -> bool:
    """Set the stages of a release back to PENDING; return False if it has none."""
    blank = {"state": StageState.PENDING, "started_at": None, "ended_at": None, "cached": False}
    of_release = update(stages).where(stages.c.release_id == release_id)
    return db.connection.execute(of_release.values(blank)).rowcount > 0


def to_json(problem_detail: ProblemDetail) -> dict[str, Any]:
    """Return a problem as it is stored in a column."""
    return {"problem": problem_detail.problem, "parameters": dict(problem_detail.parameters)}


def start_stage(db: Writer, lease: Lease, stage: Stage, at: int | None = None) -> None:
    """Write that a stage began, now or at an earlier time of the database's clock."""
    began = now_ms() if at is None else at
    _write_stage(db, lease, stage, state=StageState.RUNNING, started_at=began)


def end_stage(
    db: Writer,
    lease: Lease,
    stage: Stage,
    state: StageState,
    at: int | None = None,
    *,
    cached: bool = False,
) -> None:
    """Write how a stage ended, now or at an earlier time of the database's clock."""
    ended = now_ms() if at is None else at
    _write_stage(db, lease, stage, state=state, ended_at=ended, cached=cached)


def may_move(to: State) -> ColumnElement[bool]:
    """Return a condition: `MOVES` allows a move from the row's state to this one."""
    return releases.c.state.in_([state for state, moves in MOVES.items() if to in moves])


def _write_stage(db: Writer, lease: Lease, stage: Stage, **values: Any) -> None:
    db.connection.execute(
        update(stages)
        .where(stages.c.release_id == lease.release_id, stages.c.name == stage)
        .values(**values)
    )


def _mine(lease: Lease) -> Update:
    return update(releases).where(
        releases.c.id == lease.release_id,
        releases.c.lease_token == lease.token,
        releases.c.state == State.RUNNING,
    )


def _attempt(db: Reader, release_id: int) -> int:
    mine = select(releases.c.attempt).where(releases.c.id == release_id)
    return int(db.connection.execute(mine).scalar_one())


def _moved(db: Writer, statement: Update) -> bool:
    return db.connection.execute(statement).rowcount == 1
