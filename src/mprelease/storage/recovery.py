"""What becomes of releases whose worker died: decided by what the row says, never by hope."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, select, update

from mprelease.domain.problems import Trouble
from mprelease.domain.releases import Kind, PublishState, StageState, State
from mprelease.storage.clock import now_ms
from mprelease.storage.database import Writer
from mprelease.storage.queue import may_move, stored
from mprelease.storage.tables import releases, stages


def expire_all(db: Writer) -> None:
    """End the leases of an earlier life; only the owner of the data folder may say so."""
    db.connection.execute(
        update(releases).where(releases.c.state == State.RUNNING).values(lease_until=0)
    )


def reconcile(db: Writer, lost: Trouble) -> None:
    """Decide about running releases whose lease has expired."""
    expired = and_(releases.c.state == State.RUNNING, releases.c.lease_until < now_ms())
    began = and_(releases.c.kind == Kind.UPLOAD, releases.c.publish_state == PublishState.STARTED)
    free = {"running_key": None, "lease_token": None, "lease_until": None}
    _decide(db, expired & (releases.c.publish_state == PublishState.DONE), State.SUCCEEDED, free)
    # running_key is kept, so that no other release overtakes one that nobody knows the end of.
    _decide(db, expired & began, State.UNKNOWN, {"lease_token": None, "error": stored(lost)})
    _decide(db, expired & releases.c.cancel_requested.is_(True), State.CANCELED, free)
    again = db.connection.scalars(select(releases.c.id).where(expired)).all()
    _reset_stages(db, again)
    db.connection.execute(
        update(releases)
        .where(expired, releases.c.id.in_(again))
        .values(state=State.QUEUED, started_at=None, publish_state=PublishState.NONE, **free)
    )


def _reset_stages(db: Writer, release_ids: Sequence[int]) -> None:
    db.connection.execute(
        update(stages)
        .where(stages.c.release_id.in_(release_ids))
        .values(state=StageState.PENDING, started_at=None, ended_at=None, cached=False)
    )


def _decide(db: Writer, which: ColumnElement[bool], state: State, values: dict[str, Any]) -> None:
    db.connection.execute(
        update(releases)
        .where(which, may_move(state))
        .values(state=state, ended_at=now_ms(), **values)
    )
