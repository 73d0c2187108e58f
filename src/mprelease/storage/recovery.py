"""What becomes of releases whose worker died: decided by what the row says, never by hope."""

from sqlalchemy import ColumnElement, and_, select, update

from mprelease.domain.problems import Problem, Trouble
from mprelease.domain.releases import Kind, PublishState, StageState, State
from mprelease.storage.clock import now_ms
from mprelease.storage.database import Writer
from mprelease.storage.queue import may_move, stored
from mprelease.storage.tables import releases, stages

# A release that takes its worker down each time may not do so for ever.
ATTEMPTS = 3


def expire_all(db: Writer) -> None:
    """End the leases of an earlier life; only the owner of the data folder may say so."""
    db.connection.execute(
        update(releases).where(releases.c.state == State.RUNNING).values(lease_until=0)
    )


def reconcile(db: Writer) -> None:
    """Decide about running releases whose lease has expired."""
    expired = and_(releases.c.state == State.RUNNING, releases.c.lease_until < now_ms())
    began = and_(releases.c.kind == Kind.UPLOAD, releases.c.publish_state == PublishState.STARTED)
    used_up = releases.c.attempt >= ATTEMPTS
    _decide(db, expired & (releases.c.publish_state == PublishState.DONE), State.SUCCEEDED)
    # Its running_key is kept, so that nothing overtakes a release that nobody knows the end of.
    _decide(db, expired & began, State.UNKNOWN, Trouble(Problem.WORKER_DIED))
    _decide(db, expired & releases.c.cancel_requested.is_(True), State.CANCELED)
    died = Trouble(Problem.ATTEMPTS_USED_UP, {"attempts": ATTEMPTS})
    _decide(db, expired & used_up, State.FAILED, died)
    _queue_again(db, expired)


_FREE = {"running_key": None, "lease_token": None, "lease_until": None}
_STAGE_ENDS = {State.SUCCEEDED: StageState.SUCCEEDED, State.CANCELED: StageState.CANCELED}


def _decide(
    db: Writer, which: ColumnElement[bool], state: State, error: Trouble | None = None
) -> None:
    ids = db.connection.scalars(select(releases.c.id).where(which, may_move(state))).all()
    freed = {"lease_token": None} if state is State.UNKNOWN else _FREE
    told = {"error": stored(error)} if error else {}
    db.connection.execute(
        update(releases)
        .where(releases.c.id.in_(ids), which)
        .values(state=state, ended_at=now_ms(), **freed, **told)
    )
    db.connection.execute(
        update(stages)
        .where(stages.c.release_id.in_(ids), stages.c.state == StageState.RUNNING)
        .values(state=_STAGE_ENDS.get(state, StageState.FAILED), ended_at=now_ms())
    )


def _queue_again(db: Writer, which: ColumnElement[bool]) -> None:
    ids = db.connection.scalars(select(releases.c.id).where(which)).all()
    db.connection.execute(
        update(stages)
        .where(stages.c.release_id.in_(ids))
        .values(state=StageState.PENDING, started_at=None, ended_at=None, cached=False)
    )
    db.connection.execute(
        update(releases)
        .where(releases.c.id.in_(ids), which)
        .values(
            state=State.QUEUED,
            started_at=None,
            publish_state=PublishState.NONE,
            commit=None,
            sizes=None,
            warnings=[],
            **_FREE,
        )
    )
